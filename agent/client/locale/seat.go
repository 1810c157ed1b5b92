package locale

// Keys of texts of a window about its place: the service, and who has it.
const (
	NoGateway        = "no_gateway"
	SeatBusy         = "seat_busy"
	SeatTaken        = "seat_taken"
	ServiceStopped   = "service_stopped"
	ServiceUntrusted = "service_untrusted"
)

var seatTexts = map[string]text{
	NoGateway: {
		"Адрес шлюза не указан. Впишите его в поле «Домен» или узнайте у администратора.",
		"There is no gateway's address. Type it into the field Domain, or ask your administrator."},
	SeatBusy: {
		"Занято: доступ на этом компьютере сейчас открыт другим человеком. Войти можно будет, когда он выйдет.",
		"Taken: somebody else has access on this computer now. You can log in as soon as they have logged out."},
	SeatTaken: {
		"Занято: доступ на этом компьютере сейчас открыт в другом сеансе Windows.",
		"Taken: access on this computer is open in another Windows session now."},
	ServiceStopped: {
		"Служба Ideco агента не отвечает. Ждём её; если не поможет, перезагрузите компьютер или обратитесь к администратору.",
		"The Ideco agent service does not answer. Waiting for it; if that does not help, restart the computer or ask your administrator."},
	ServiceUntrusted: {
		"Вместо службы Ideco агента отвечает другая программа. Не вводите пароль. Позвоните администратору.",
		"Another program answers in place of the Ideco agent service. Do not enter a password. Call your administrator."},
}

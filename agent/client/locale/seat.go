package locale

// Keys of texts of a window about its place: the service, and who has it.
const (
	NoGateway        = "no_gateway"
	SeatBusy         = "seat_busy"
	SeatTaken        = "seat_taken"
	SeatEnded        = "seat_ended"
	SeatLeft         = "seat_left"
	SeatWindowGone   = "seat_window_gone"
	SeatStopped      = "seat_stopped"
	ServiceStopped   = "service_stopped"
	ServiceUntrusted = "service_untrusted"

	ServiceDescription = "service_description"
	ServiceOnWindows   = "service_on_windows"
	ServiceNotStarted  = "service_not_started"
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
	SeatEnded: {
		"Доступ закрыт: его завершил администратор этого компьютера.",
		"Access is closed: an administrator of this computer has ended it."},
	SeatLeft: {
		"Доступ закрыт: в этом сеансе Windows никто не работал. Войдите снова.",
		"Access is closed: nobody was working in this Windows session. Log in again."},
	SeatWindowGone: {
		"Доступ закрыт: программа была закрыта. Войдите снова.",
		"Access is closed: the program was closed. Log in again."},
	SeatStopped: {
		"Доступ закрыт: служба «Айдеко Агент» остановлена. Ждём её.",
		"Access is closed: the service Ideco Agent was stopped. Waiting for it."},
	ServiceStopped: {
		"Служба «Айдеко Агент» не отвечает. Ждём её; если не поможет, перезагрузите компьютер или обратитесь к администратору.",
		"The service Ideco Agent does not answer. Waiting for it; if that does not help, restart the computer or ask your administrator."},
	ServiceUntrusted: {
		"Вместо службы «Айдеко Агент» отвечает другая программа. Не вводите пароль. Позвоните администратору.",
		"Another program answers in place of the service Ideco Agent. Do not enter a password. Call your administrator."},
	ServiceDescription: {
		"Соединяет этот компьютер с сетью организации через шлюз.",
		"Connects this computer to your organisation's network through the gateway."},
	ServiceOnWindows: {
		"Команда service — для Windows. Здесь используйте connect.",
		"The command service is for Windows. Use connect here."},
	ServiceNotStarted: {
		"Службу запускает сама Windows, например командой sc start IdecoAgent. Подробности: {value}.",
		"Windows starts the service by itself, for instance after sc start IdecoAgent. More about it: {value}."},
}

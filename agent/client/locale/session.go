package locale

// Keys of texts about the service and its access.
const (
	NoGateway        = "no_gateway"
	AccessBusy       = "access_busy"
	AccessTaken      = "access_taken"
	AccessWait       = "access_wait"
	AccessEnded      = "access_ended"
	AccessLeft       = "access_left"
	AccessWindowGone = "access_window_gone"
	AccessStopped    = "access_stopped"
	ServiceStopped   = "service_stopped"
	ServiceUntrusted = "service_untrusted"
	ServiceTooOld    = "service_too_old"

	ServiceDescription = "service_description"
	ServiceOnWindows   = "service_on_windows"
	ServiceNotStarted  = "service_not_started"

	EndDone        = "end_done"
	EndNobody      = "end_nobody"
	EndNeedsRights = "end_needs_rights"
	EndFailed      = "end_failed"
	EndUntrusted   = "end_untrusted"
)

var sessionTexts = map[string]text{
	NoGateway: {
		"Адрес шлюза не указан. Впишите его в поле «Домен или адрес шлюза» или узнайте у администратора.",
		"There is no gateway's address. Type it into the field Domain or gateway address, or ask your administrator."},
	AccessBusy: {
		"Занято: доступ на этом компьютере сейчас открыт другим человеком. Войти можно будет, когда он выйдет.",
		"Taken: somebody else has access on this computer now. You can log in as soon as they have logged out."},
	AccessTaken: {
		"Занято: доступ на этом компьютере сейчас открыт в другом сеансе Windows.",
		"Taken: access on this computer is open in another Windows session now."},
	AccessWait: {
		"Войти можно будет, когда он закончится. Завершить его может администратор этого компьютера.",
		"You can log in when that has ended. An administrator of this computer can end it."},
	AccessEnded: {
		"Доступ закрыт: его завершил администратор этого компьютера.",
		"Access is closed: an administrator of this computer has ended it."},
	AccessLeft: {
		"Доступ закрыт: в этом сеансе Windows никто не работал. Войдите снова.",
		"Access is closed: nobody was working in this Windows session. Log in again."},
	AccessWindowGone: {
		"Доступ закрыт: программа была закрыта. Войдите снова.",
		"Access is closed: the program was closed. Log in again."},
	AccessStopped: {
		"Доступ закрыт: служба «Айдеко Агент» остановлена. Ждём её.",
		"Access is closed: the service Ideco Agent was stopped. Waiting for it."},
	ServiceStopped: {
		"Служба «Айдеко Агент» не отвечает. Ждём её; если не поможет, перезагрузите компьютер или обратитесь к администратору.",
		"The service Ideco Agent does not answer. Waiting for it; if that does not help, restart the computer or ask your administrator."},
	ServiceUntrusted: {
		"Вместо службы «Айдеко Агент» отвечает другая программа. Не вводите пароль. Позвоните администратору.",
		"Another program answers in place of the service Ideco Agent. Do not enter a password. Call your administrator."},
	ServiceTooOld: {
		"Служба «Айдеко Агент» старой версии и менять пароль не умеет. Перезагрузите компьютер; если не поможет, обратитесь к администратору.",
		"The service Ideco Agent is of an older version and cannot change passwords. Restart the computer; if that does not help, ask your administrator."},
	ServiceDescription: {
		"Соединяет этот компьютер с сетью организации через шлюз.",
		"Connects this computer to your organisation's network through the gateway."},
	ServiceOnWindows: {
		"Команда {value} — для Windows. Здесь доступ открывает и закрывает connect.",
		"The command {value} is for Windows. Here connect opens access and closes it."},
	ServiceNotStarted: {
		"Службу запускает сама Windows, например командой sc.exe start IdecoAgent. Подробности: {value}.",
		"Windows starts the service by itself, for instance after sc.exe start IdecoAgent. More about it: {value}."},
	EndDone: {"Доступ завершён.", "Access has been ended."},
	EndNobody: {
		"Доступ на этом компьютере сейчас ни у кого не открыт.",
		"Nobody has access on this computer now."},
	EndNeedsRights: {
		"Доступ не завершён: нужны права администратора. Откройте командную строку от имени администратора и повторите: IdecoAgent.exe end",
		"Access was not ended: that takes an administrator's rights. Open a command line as administrator and try again: IdecoAgent.exe end"},
	EndFailed: {
		"Доступ не завершён, служба «Айдеко Агент» не ответила: {value}. Перезапустите её: sc.exe stop IdecoAgent, sc.exe start IdecoAgent.",
		"Access was not ended, the service Ideco Agent did not answer: {value}. Restart it: sc.exe stop IdecoAgent, sc.exe start IdecoAgent."},
	EndUntrusted: {
		"Доступ не завершён: вместо службы «Айдеко Агент» отвечает другая программа. Найдите и закройте её, затем перезапустите службу IdecoAgent.",
		"Access was not ended: another program answers in place of the service Ideco Agent. Find and close it, then restart the service IdecoAgent."},
}

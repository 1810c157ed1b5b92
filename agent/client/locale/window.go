package locale

// Keys of texts of the window.
const (
	NoTunnelPortable = "no_tunnel_portable"
	NoTunnelTyped    = "no_tunnel_typed"

	ProductName  = "product_name"
	FieldLogin   = "label_login"
	FieldPass    = "label_password"
	FieldAddress = "label_address"
	AddressSet   = "address_set_by_policy"
	PasswordKept = "password_kept"
	CheckSave    = "check_save"
	CheckAuto    = "check_auto"
	SaveBanned   = "save_banned"

	FieldCurrent       = "label_current_password"
	FieldNew           = "label_new_password"
	FieldRepeat        = "label_repeat_password"
	ChangeFor          = "change_for"
	OpenChange         = "open_change"
	ChangePassword     = "change_password"
	ChangeAndLogIn     = "change_and_log_in"
	Back               = "back"
	AskCurrentPassword = "ask_current_password"
	AskNewPassword     = "ask_new_password"
	AskRepeat          = "ask_repeat"
	PasswordsDiffer    = "passwords_differ"

	LogIn      = "log_in"
	LogOut     = "log_out"
	LogInSSO   = "log_in_sso"
	Cancel     = "cancel"
	Extend     = "extend"
	EndOther   = "end_other"
	MenuOpen   = "menu_open"
	MenuLog    = "menu_log"
	MenuReport = "menu_report"
	MenuAbout  = "menu_about"
	MenuExit   = "menu_exit"

	NotConnected    = "not_connected"
	AskLogin        = "ask_login"
	AskPassword     = "ask_password"
	SavedForgotten  = "saved_forgotten"
	NotSaved        = "not_saved"
	ChoicesNotSaved = "choices_not_saved"
	LoggingIn       = "logging_in"
	LoggedInAs      = "logged_in_as"
	LoggedInLAN     = "logged_in_lan"
	LoggedInVPN     = "logged_in_vpn"
	RowGateway      = "row_gateway"
	RowAddress      = "row_address"
	RowUntil        = "row_until"
	RowHow          = "row_how"
	HowSSO          = "how_sso"
	AnsweredSSO     = "answered_sso"
	RowReceived     = "row_received"
	RowSent         = "row_sent"
	CameBack        = "came_back"

	StaysInTray   = "stays_in_tray"
	ExitAsk       = "exit_ask"
	ExitAskTitle  = "exit_ask_title"
	LogMissing    = "log_missing"
	ReportMade    = "report_made"
	ReportFailed  = "report_failed"
	ReportMaking  = "report_making"
	AboutText     = "about_text"
	AlreadyRuns   = "already_runs"
	WindowNotMade = "window_not_made"
)

var windowTexts = map[string]text{
	NoTunnelPortable: {
		"Вы вне сети организации. Отсюда доступ возможен только через VPN, а для VPN программа должна быть установлена на этом компьютере. Обратитесь к администратору.",
		"You are outside your organisation's network. Access from here needs VPN, and VPN needs this program to be installed on this computer. Ask your administrator."},
	NoTunnelTyped: {
		"Вы вне сети организации. Отсюда доступ возможен только через VPN, а VPN работает только со шлюзом, который задал администратор этого компьютера. Обратитесь к администратору.",
		"You are outside your organisation's network. Access from here needs VPN, and VPN works only with the gateway that this computer's administrator has set. Ask your administrator."},

	ProductName:  {"Айдеко Агент", "Ideco Agent"},
	FieldLogin:   {"Логин", "Login"},
	FieldPass:    {"Пароль", "Password"},
	FieldAddress: {"Домен или адрес шлюза", "Domain or gateway address"},
	AddressSet:   {"Адрес шлюза задан политикой организации", "The gateway's address is set by your organisation's policy"},
	PasswordKept: {"Сохранён", "Saved"},
	CheckSave:    {"Сохранить пароль", "Save the password"},
	CheckAuto:    {"Автоматически подключаться при запуске приложения", "Connect automatically when the program starts"},
	SaveBanned:   {"Сохранять пароль запрещено политикой организации", "Your organisation's policy forbids saving the password"},

	FieldCurrent:       {"Текущий пароль", "Current password"},
	FieldNew:           {"Новый пароль", "New password"},
	FieldRepeat:        {"Повторите новый пароль", "Repeat the new password"},
	ChangeFor:          {"Смена пароля для {value}", "Changing the password of {value}"},
	OpenChange:         {"Сменить пароль…", "Change password…"},
	ChangePassword:     {"Сменить пароль", "Change password"},
	ChangeAndLogIn:     {"Сменить пароль и войти", "Change password and log in"},
	Back:               {"Назад", "Back"},
	AskCurrentPassword: {"Введите текущий пароль.", "Enter your current password."},
	AskNewPassword:     {"Придумайте и введите новый пароль.", "Choose a new password and enter it."},
	AskRepeat:          {"Введите новый пароль ещё раз, чтобы не ошибиться.", "Enter the new password once more, to rule out typing errors."},
	PasswordsDiffer: {
		"Новый пароль введён по-разному. Введите его дважды ещё раз.",
		"The two new passwords differ. Enter the new password twice again."},

	LogIn:      {"Авторизоваться", "Log in"},
	LogOut:     {"Разавторизоваться", "Log out"},
	LogInSSO:   {"Войти без пароля", "Log in without password"},
	Cancel:     {"Отмена", "Cancel"},
	Extend:     {"Продлить", "Extend"},
	EndOther:   {"Завершить чужой сеанс", "End the other session"},
	MenuOpen:   {"Открыть", "Open"},
	MenuLog:    {"Журнал", "Log"},
	MenuReport: {"Собрать сведения для поддержки", "Collect information for support"},
	MenuAbout:  {"О программе", "About"},
	MenuExit:   {"Выход", "Exit"},

	NotConnected: {"Вы не подключены.", "You are not connected."},
	AskLogin:     {"Введите логин.", "Enter your login."},
	AskPassword:  {"Введите пароль.", "Enter your password."},
	SavedForgotten: {
		"Сохранённый пароль не подошёл и удалён. Введите пароль.",
		"The saved password was wrong and has been deleted. Enter your password."},
	NotSaved: {
		"Пароль не удалось сохранить: {value}. В следующий раз введите его снова.",
		"The password could not be saved: {value}. Enter it again next time."},
	ChoicesNotSaved: {
		"Настройки не удалось сохранить: {value}. После перезапуска программы выберите их снова.",
		"The settings could not be saved: {value}. Choose them again when the program has been restarted."},
	LoggingIn:   {"Входим на шлюз {server}…", "Logging in to gateway {server}…"},
	LoggedInAs:  {"Вы вошли как {value}", "You are logged in as {value}"},
	LoggedInLAN: {"Вы вошли как {value} из локальной сети", "You are logged in as {value} from the local network"},
	LoggedInVPN: {"Вы вошли как {value} через VPN", "You are logged in as {value} through VPN"},
	RowGateway:  {"Шлюз", "Gateway"},
	RowAddress:  {"Ваш адрес", "Your address"},
	RowUntil:    {"Сессия до", "Session until"},
	RowHow:      {"Вход", "Login"},
	HowSSO:      {"без пароля", "without a password"},
	AnsweredSSO: {
		"Шлюз на связи. Войдите без пароля или введите логин и пароль.",
		"The gateway answers. Log in without a password, or enter login and password."},
	RowReceived: {"Получено", "Received"},
	RowSent:     {"Отправлено", "Sent"},
	CameBack:    {"Связь со шлюзом восстановлена, доступ открыт.", "The gateway is back, access is open."},

	StaysInTray: {
		"Программа осталась здесь, доступ не меняется. Закрыть её: правая кнопка, «Выход».",
		"The program stays here, your access does not change. To close it: right-click, Exit."},
	ExitAsk: {
		"Если закрыть программу, доступ закроется. Выйти?",
		"Access ends when the program is closed. Exit?"},
	ExitAskTitle: {"Выход", "Exit"},
	LogMissing: {
		"Журнал не удалось открыть: {value}. Выберите «Собрать сведения для поддержки»: журнал войдёт в них, если он есть.",
		"The log could not be opened: {value}. Choose Collect information for support: the log is part of it, if there is one."},
	ReportMade: {
		"Сведения для поддержки собраны в файл {value}. Паролей в нём нет. Отправьте его администратору.",
		"The information for support is in the file {value}. There are no passwords in it. Send it to your administrator."},
	ReportFailed: {
		"Сведения для поддержки не удалось собрать: {value}. Освободите место на диске и попробуйте снова.",
		"The information for support could not be collected: {value}. Make room on the disk and try again."},
	ReportMaking: {"Собираем сведения для поддержки…", "Collecting information for support…"},
	AboutText: {
		"Ideco агент {version}\n\nОткрывает доступ в интернет и к сети организации, пока вы авторизованы.\n\nШлюз: {server}\nЖурнал: {value}",
		"Ideco agent {version}\n\nOpens access to the Internet and to your organisation's network while you are logged in.\n\nGateway: {server}\nLog: {value}"},
	AlreadyRuns: {
		"Ideco агент уже запущен другим пользователем или с другими правами. Найдите его значок в области уведомлений.",
		"Ideco agent runs already, for another user or with other rights. Look for its icon in the notification area."},
	WindowNotMade: {
		"Окно программы не удалось показать: {value}. Перезапустите компьютер; если не поможет, сообщите администратору.",
		"The program's window could not be shown: {value}. Restart the computer; if that fails, tell your administrator."},
}

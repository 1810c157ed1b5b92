package locale

// Keys of texts for window and command line that are neither a code nor a reason.
const (
	Connecting    = "connecting"
	Answered      = "answered"
	NameNotFound  = "name_not_found"
	RootChanged   = "root_changed"
	Authorized    = "authorized"
	AuthorizedVPN = "authorized_vpn"
	TunnelUp      = "tunnel_up"
	Update        = "update"
	Expiring      = "expiring"
	ExpiringSoon  = "expiring_soon"
	minutes       = "minutes"
	byteUnits     = "byte_units"
	Refused       = "refused"

	CertificateDates = "certificate_dates"

	ChangingPassword     = "changing_password"
	PasswordChanged      = "password_changed"
	PasswordUncertain    = "password_uncertain"
	PasswordNotByGateway = "password_not_by_gateway"

	Over = "over"
)

// codeTexts has the texts of agent.AgentCodes, of "ended_" with a reason, and of the keys above.
var codeTexts = map[string]text{
	"unreachable": {
		"Шлюз {server} не отвечает. Проверьте интернет и адрес.",
		"Gateway {server} does not answer. Check your connection and the address."},
	NameNotFound: { // unreachable for this reason
		"Не удалось узнать IP-адрес шлюза {server}: сервер DNS не отвечает или не знает этого имени. Проверьте интернет и адрес.",
		"The IP address of gateway {server} could not be found: the DNS server does not answer or does not know this name. Check your connection and the address."},
	"not_trusted": {
		"Не удалось убедиться, что {server} — ваш шлюз. Не вводите пароль. Позвоните администратору.",
		"Could not verify that {server} is your gateway. Do not enter a password. Call your administrator."},
	RootChanged: { // not_trusted for this reason
		"Корневой сертификат шлюза {server} изменился, и шлюз об этом не предупреждал. Не вводите пароль. Позвоните администратору: если сертификат сменил он, установите Ideco агент заново, с новым установщиком.",
		"The root certificate of gateway {server} has changed, and the gateway did not announce it. Do not enter a password. Call your administrator: if they changed the certificate, install Ideco agent again with a new installer."},
	CertificateDates: { // not_trusted for this reason
		"На этом компьютере {now}, а сертификат шлюза {server} в это время не действует. Не вводите пароль. Проверьте дату и время на компьютере; если они верны, позвоните администратору.",
		"The clock of this computer shows {now}, and the certificate of gateway {server} is not valid at that time. Do not enter a password. Check the date and time on this computer; if they are right, call your administrator."},
	"tunnel_blocked": {
		"Вход выполнен, но эта сеть не пропускает VPN (UDP {port}). Попробуйте другую, например раздачу с телефона.",
		"You are logged in, but this network blocks VPN (UDP {port}). Try another one, for instance your phone."},
	"vpn_unavailable": {
		"Доступ извне сети сейчас недоступен: VPN на шлюзе выключен. Сообщите администратору.",
		"Access from outside is not available now: the gateway's VPN is off. Tell your administrator."},
	"bad_message": {
		"Программа и шлюз не поняли друг друга. Обновите Ideco агент.",
		"The program and the gateway did not understand each other. Update Ideco agent."},
	Refused: {
		"Шлюз {server} отказал во входе. Обратитесь к администратору.",
		"Gateway {server} refused the login. Ask your administrator."},

	"ended_admin":    {"Администратор завершил вашу сессию.", "Your administrator ended the session."},
	"ended_expired":  {"Время сессии истекло. Войдите снова.", "The session has run out. Log in again."},
	"ended_disabled": {"Доступ отключён администратором.", "Your administrator has switched access off."},
	"ended_logout":   {"Вы вышли. Доступ закрыт.", "You have logged out. Access is closed."},
	"ended_replaced": {
		"Вы вошли с этого адреса через другую программу; эта сессия закрыта.",
		"You logged in from this address with another program; this session is closed."},
	"ended_evicted": {
		"Вы подключились с другого устройства; самое старое подключение закрыто.",
		"You connected from another device; the oldest connection was closed."},
	"ended_idle": {
		"Сессия закрыта: давно не было обмена данными.",
		"The session was closed: nothing was sent for a while."},
	"ended_shutdown": {
		"Шлюз перезапускается. Подключимся сами, как только он вернётся.",
		"The gateway is restarting. We will reconnect by ourselves."},
	"ended_lost": {
		"Связь со шлюзом потеряна. Пробуем подключиться снова.",
		"The connection to the gateway was lost. Trying again."},
	Over: {"Шлюз закрыл доступ. Войдите снова.", "The gateway has closed access. Log in again."},

	Connecting:    {"Подключаемся к шлюзу {server}…", "Connecting to gateway {server}…"},
	Answered:      {"Шлюз на связи. Введите логин и пароль.", "The gateway answers. Enter login and password."},
	Authorized:    {"Вы подключены, доступ открыт.", "You are connected, access is open."},
	AuthorizedVPN: {"Вход выполнен, подключаем VPN…", "You are logged in, connecting VPN…"},
	TunnelUp:      {"VPN подключён.", "VPN is connected."},
	Expiring: {
		"Сессия закончится через {left}. Войдите заново, чтобы не прерываться.",
		"The session ends in {left}. Log in again to go on without a break."},
	ExpiringSoon: {
		"Сессия скоро закончится. Войдите заново, чтобы не прерываться.",
		"The session ends soon. Log in again to go on without a break."},
	ChangingPassword: {"Меняем пароль на шлюзе {server}…", "Changing the password on gateway {server}…"},
	PasswordChanged:  {"Пароль изменён.", "The password has been changed."},
	PasswordUncertain: {
		"Связь прервалась во время смены пароля, и пароль мог уже смениться. Войдите с новым паролем; если он не подойдёт, войдите с прежним.",
		"The connection broke while the password was being changed, and it may have been changed already. Log in with the new password; if that fails, use the previous one."},
	PasswordNotByGateway: {
		"Шлюз не умеет менять пароль: на нём старая версия. Смените пароль в Windows или обратитесь к администратору.",
		"The gateway cannot change passwords: its version is too old. Change the password in Windows or ask your administrator."},
	minutes:   {"{value} мин", "{value} min"},
	byteUnits: {"Б КБ МБ ГБ ТБ ПБ", "B KB MB GB TB PB"},
	Update: {
		"Вышла новая версия Ideco агента: {version}. Её можно скачать в личном кабинете.",
		"There is a new version of Ideco agent: {version}. You can download it from My account."},
}

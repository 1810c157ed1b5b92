package locale

// Keys of texts about the login without a password (SSO).
const (
	SSONotOffered  = "sso_not_offered"
	SSONeedsName   = "sso_needs_name"
	SSONoService   = "sso_no_service"
	SSONoDomain    = "sso_no_domain"
	SSONoTicket    = "sso_no_ticket"
	SSOExpired     = "sso_expired"
	SSOOtherCache  = "sso_other_cache"
	SSOBadCache    = "sso_bad_cache"
	SSOBadConfig   = "sso_bad_config"
	SSOClock       = "sso_own_clock"
	SSONotInDomain = "sso_not_in_domain"
	SSOTooLarge    = "sso_too_large"
	SSONoWindow    = "sso_no_window"
	SSOFailed      = "sso_failed"
)

var ssoTexts = map[string]text{
	SSONotOffered: {
		"Шлюз {server} не предлагает вход без пароля: он возможен только из локальной сети и если администратор его настроил. Войдите с логином и паролем.",
		"Gateway {server} does not offer to log in without a password: that works only in the local network, and if your administrator has set it up. Log in with login and password."},
	SSONeedsName: {
		"Войти без пароля можно, только если шлюз указан по имени, а не по адресу {value}. Узнайте имя шлюза у администратора или войдите с логином и паролем.",
		"To log in without a password, the gateway has to be given by its name, not by the address {value}. Ask your administrator for the name, or log in with login and password."},
	SSONoService: {
		"Домен не знает шлюз {server}, поэтому войти без пароля нельзя. Войдите с логином и паролем и сообщите администратору: в домене нет службы HTTP/{server}.",
		"The domain does not know gateway {server}, so you cannot log in without a password. Log in with login and password, and tell your administrator that the domain has no service HTTP/{server}."},
	SSONoDomain: {
		"Контроллер домена не отвечает, поэтому войти без пароля сейчас нельзя. Повторите через минуту или войдите с логином и паролем.",
		"No domain controller answers, so you cannot log in without a password now. Try again in a minute, or log in with login and password."},
	SSONoTicket: {
		"Нет билета Kerberos, поэтому войти без пароля нельзя. Получите его командой kinit или войдите с логином и паролем.",
		"There is no Kerberos ticket, so you cannot log in without a password. Get one with kinit, or log in with login and password."},
	SSOExpired: {
		"Срок билета Kerberos истёк. Получите новый командой kinit или войдите с логином и паролем.",
		"The Kerberos ticket has expired. Get a new one with kinit, or log in with login and password."},
	SSOOtherCache: {
		"Билеты Kerberos лежат в хранилище {value}, которое программа не читает. Получите билет в файл: KRB5CCNAME=FILE:/tmp/krb5cc_agent kinit, и запустите программу с той же переменной KRB5CCNAME.",
		"The Kerberos tickets are in {value}, which this program cannot read. Get a ticket in a file with KRB5CCNAME=FILE:/tmp/krb5cc_agent kinit, and run the program with the same KRB5CCNAME."},
	SSOBadCache: {
		"Файл с билетами Kerberos не читается: {value}. Получите билет снова командой kinit.",
		"The file with the Kerberos tickets cannot be read: {value}. Get a new ticket with kinit."},
	SSOBadConfig: {
		"Настройки Kerberos не поняты: {value}. Исправьте файл или укажите другой в переменной KRB5_CONFIG.",
		"The Kerberos settings were not understood: {value}. Correct the file, or name another one in KRB5_CONFIG."},
	SSOClock: {
		"Часы этого компьютера и домена расходятся больше чем на 5 минут, поэтому войти без пароля нельзя. Проверьте время и часовой пояс.",
		"The clocks of this computer and of the domain differ by more than 5 minutes, so you cannot log in without a password. Check time and time zone."},
	SSONotInDomain: {
		"Вы вошли в Windows не как пользователь домена, поэтому войти без пароля нельзя. Войдите с логином и паролем.",
		"You are not logged on to Windows as a user of a domain, so you cannot log in without a password. Log in with login and password."},
	SSOTooLarge: {
		"Билет Kerberos слишком большой: ваша учётная запись состоит в очень многих группах. Войдите с логином и паролем и сообщите администратору.",
		"The Kerberos ticket is too large: your account is in very many groups. Log in with login and password, and tell your administrator."},
	SSONoWindow: {
		"Чтобы войти без пароля, должно быть открыто окно программы. Откройте его и войдите снова.",
		"To log in without a password, the program's window has to be open. Open it and log in again."},
	SSOFailed: {
		"Войти без пароля не удалось. Войдите с логином и паролем и сообщите администратору. Подробности: {value}.",
		"You could not be logged in without a password. Log in with login and password, and tell your administrator. Details: {value}."},
}

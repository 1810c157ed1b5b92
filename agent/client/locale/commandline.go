package locale

// Keys of texts of the command line.
const (
	BadTunnel          = "bad_tunnel"
	BadTunnelName      = "bad_tunnel_name"
	BadSocks           = "bad_socks"
	SocksNotLoopback   = "socks_not_loopback"
	SocksNeedsNetstack = "socks_needs_netstack"

	NoCommand        = "no_command"
	UnknownCommand   = "unknown_command"
	BadFlags         = "bad_flags"
	UnknownFlag      = "unknown_flag"
	FlagNeedsValue   = "flag_needs_value"
	BadFlagValue     = "bad_flag_value"
	Usage            = "usage"
	ReasonPermission = "reason_permission"
	ReasonNotExist   = "reason_not_exist"
	ReasonExist      = "reason_exist"
	ExtraArgument    = "extra_argument"
	NoServer         = "no_server"
	BadServer        = "bad_server"
	NoLogin          = "no_login"
	BadLogin         = "bad_login"
	NoPasswordStdin  = "no_password_stdin"
	SSOAndPassword   = "sso_and_password"
	BadPassword      = "bad_password"
	PinAndRoot       = "pin_and_root"
	BadPin           = "bad_pin"
	BadRoot          = "bad_root"
	BadLang          = "bad_lang"
	SeeHelp          = "see_help"
	DeviceNotKept    = "device_not_kept"
	PasswordNotRead  = "password_not_read"
	NoNewPassword    = "no_new_password"
	OrNothing        = "or_nothing"
	ChangeInTerminal = "change_in_terminal"
	VersionOfProgram = "version"
)

var commandLineTexts = map[string]text{
	NoCommand:      {"Не указана команда.", "There is no command."},
	UnknownCommand: {"Неизвестная команда: {value}.", "Unknown command: {value}."},
	BadFlags:       {"Параметры не поняты: {value}.", "The flags were not understood: {value}."},
	ExtraArgument:  {"Лишнее в командной строке: {value}.", "Unexpected argument: {value}."},
	NoServer:       {"Укажите шлюз: --server или utm_address=.", "Name the gateway: --server or utm_address=."},
	BadServer: {
		"Адрес шлюза {place} — не имя и не IP-адрес: {value}.",
		"The gateway's address {place} is neither a name nor an IP address: {value}."},
	NoLogin:         {"Укажите логин: --login, или войдите без пароля: --sso.", "Give your login: --login, or log in without a password: --sso."},
	BadLogin:        {"Логин должен быть в кодировке UTF-8.", "The login has to be UTF-8 text."},
	NoPasswordStdin: {"Запустите программу в терминале или укажите --password-stdin: тогда пароль читается из стандартного ввода.", "Run the program in a terminal, or give --password-stdin: the password is then read from standard input."},
	SSOAndPassword: {
		"Укажите что-то одно: --sso или --login с паролем.",
		"Give one of the two: --sso, or --login with a password."},
	BadPassword: {
		"Пароль должен быть одной строкой в кодировке UTF-8 или UTF-16, не длиннее 1024 байт.",
		"The password has to be one line of UTF-8 or UTF-16 text of at most 1024 bytes."},
	PinAndRoot: {"Укажите что-то одно: --pin или --root.", "Give one of the two: --pin or --root."},
	BadPin: {
		"Отпечаток {place} записан неверно: {value}. Отпечаток — 44 знака base64; администратор видит его на странице «Ideco-agent».",
		"The pin {place} is malformed: {value}. A pin is 44 characters of base64; the page Ideco-agent shows it to administrators."},
	BadRoot: {
		"В файле {value} нет корневого сертификата (PEM или DER), или файл не читается.",
		"There is no root certificate (PEM or DER) in the file {value}, or it cannot be read."},
	BadTunnel: {"Нет такого VPN: {value}. Есть auto, tun и netstack.", "There is no such VPN: {value}. There are auto, tun and netstack."},
	BadTunnelName: {
		"Так сетевой интерфейс назвать нельзя: {value}. Имя — до 15 латинских букв, цифр и знаков - _ .",
		"A network interface cannot have the name {value}: up to 15 letters, digits and the characters - _ ."},
	BadSocks: {
		"Это не адрес прокси: {value}. Укажите IP-адрес и порт, например 127.0.0.1:1080.",
		"This is not a proxy address: {value}. Give an IP address and a port, for instance 127.0.0.1:1080."},
	SocksNotLoopback: {
		"На {value} прокси без пароля увидят и другие компьютеры. Укажите адрес 127.0.0.1 или, если так и нужно, --socks-shared.",
		"Other computers would see the proxy on {value}, and it has no password. Use 127.0.0.1, or say that it is meant: --socks-shared."},
	SocksNeedsNetstack: {
		"--socks и --socks-shared нужны только вместе с --tunnel netstack.",
		"--socks and --socks-shared go with --tunnel netstack only."},
	BadLang:          {"Языка {value} нет: есть ru и en.", "There is no language {value}: there are ru and en."},
	UnknownFlag:      {"Неизвестный параметр: {value}.", "Unknown flag: {value}."},
	FlagNeedsValue:   {"Параметру нужно значение: {value}.", "The flag needs a value: {value}."},
	BadFlagValue:     {"Неверное значение параметра: {value}.", "Wrong value of a flag: {value}."},
	Usage:            {"Использование: {value}", "Usage: {value}"},
	SeeHelp:          {"Справка: {program} --help", "For help: {program} --help"},
	ReasonPermission: {"нет прав", "no permission"},
	ReasonNotExist:   {"нет такого файла или каталога", "there is no such file or directory"},
	ReasonExist:      {"такой файл уже есть", "the file exists already"},
	DeviceNotKept: {
		"Идентификатор этого компьютера не удалось сохранить, в следующий раз он будет другим: {value}",
		"This computer's identifier could not be kept, it will be another one next time: {value}"},
	PasswordNotRead: {"Не удалось прочитать пароль: {value}.", "The password could not be read: {value}."},
	NoNewPassword: {
		"С --change-password нужен новый пароль: вторая строка стандартного ввода.",
		"--change-password needs the new password: the second line of standard input."},
	OrNothing: {" (Enter — не менять)", " (Enter to keep the old one)"},
	ChangeInTerminal: {
		"Пароль можно сменить отсюда: запустите connect в терминале или добавьте --change-password и дайте новый пароль второй строкой стандартного ввода.",
		"The password can be changed from here: run connect in a terminal, or add --change-password and give the new password as the second line of standard input."},
	VersionOfProgram: {"Ideco агент {version} ({value})", "Ideco agent {version} ({value})"},
}

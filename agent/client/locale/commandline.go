package locale

// Keys of texts of the command line.
const (
	BadTunnel          = "bad_tunnel"
	BadTunnelName      = "bad_tunnel_name"
	BadSocks           = "bad_socks"
	SocksNotLoopback   = "socks_not_loopback"
	SocksNeedsNetstack = "socks_needs_netstack"

	Usage            = "usage"
	NoCommand        = "no_command"
	UnknownCommand   = "unknown_command"
	BadFlags         = "bad_flags"
	ExtraArgument    = "extra_argument"
	NoServer         = "no_server"
	BadServer        = "bad_server"
	NoLogin          = "no_login"
	BadLogin         = "bad_login"
	NoPasswordStdin  = "no_password_stdin"
	BadPassword      = "bad_password"
	PinAndRoot       = "pin_and_root"
	BadPin           = "bad_pin"
	BadRoot          = "bad_root"
	BadLang          = "bad_lang"
	SeeHelp          = "see_help"
	DeviceNotKept    = "device_not_kept"
	PasswordNotRead  = "password_not_read"
	VersionOfProgram = "version"
)

var commandLineTexts = map[string]text{
	Usage: {
		`Айдеко Агент открывает доступ через шлюз, пока работает.

  IdecoAgent.exe [utm_address=ШЛЮЗ[:ПОРТ]] [utm_pin=ОТПЕЧАТОК] [--hidden] [--lang ru|en]
  ideco-agent connect [--server ШЛЮЗ[:ПОРТ]] --login ЛОГИН --password-stdin [параметры]
  ideco-agent diagnose [utm_address=ШЛЮЗ[:ПОРТ]] [utm_pin=ОТПЕЧАТОК] [--lang ru|en]
  IdecoAgent.exe end [--lang ru|en]
  ideco-agent version
  ideco-agent help

В Windows без команды открывается окно; с --hidden остаётся только значок в области уведомлений.
diagnose собирает в файл сведения для поддержки: журналы, сеть, ответ шлюза; паролей в нём нет.
end (Windows, от имени администратора) завершает доступ, который открыт на этом компьютере в другом сеансе.

Параметры connect:
  --server ШЛЮЗ[:ПОРТ]  имя или адрес шлюза; порт 14765, если не указан другой
                        (или utm_address=ШЛЮЗ[:ПОРТ])
  --login ЛОГИН         ваш логин
  --password-stdin      пароль — первая строка стандартного ввода
  --pin ОТПЕЧАТОК       доверять корню шлюза с этим отпечатком (base64 от SHA-256 открытого ключа);
                        действует вместе с --server (или utm_pin=ОТПЕЧАТОК)
  --root ФАЙЛ           доверять только корневым сертификатам из этого файла (PEM)
  --json                печатать события в JSON, по одному в строке
  --lang ru|en          язык сообщений; без него — язык интерфейса Windows, в Linux — LC_ALL, LC_MESSAGES, LANG
  --state КАТАЛОГ       где хранить идентификатор этого компьютера

В Windows шлюз могут задать политика (HKLM\Software\Policies\Ideco\Agent) и установщик
(HKLM\Software\Ideco\Agent) значениями UtmAddress и UtmPin; тогда --server не нужен.
Политика важнее командной строки, командная строка важнее адреса из окна, он важнее установщика.

Вне локальной сети шлюз даёт доступ через VPN:
  --tunnel auto         сетевой интерфейс, если хватает прав (по умолчанию)
  --tunnel tun          сетевой интерфейс; в Linux нужны права root, в Windows — администратора
  --tunnel netstack     прокси SOCKS5 вместо интерфейса; права не нужны
  --tunnel-name ИМЯ     имя интерфейса в Linux; без него ideco-agent0
  --socks АДРЕС:ПОРТ    адрес прокси для --tunnel netstack; без него 127.0.0.1:1080
  --socks-shared        разрешить прокси на адресе, который виден другим компьютерам; пароля у прокси нет

Ctrl+C закрывает доступ и завершает программу.
Коды завершения: 0 — завершено вами, 2 — ошибка в командной строке, 3 — вход отклонён,
4 — шлюз недоступен или не подтвердил, что он ваш, 5 — доступ закрыл шлюз.
`,
		`Ideco Agent opens access through a gateway for as long as it runs.

  IdecoAgent.exe [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--hidden] [--lang ru|en]
  ideco-agent connect [--server GATEWAY[:PORT]] --login NAME --password-stdin [flags]
  ideco-agent diagnose [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--lang ru|en]
  IdecoAgent.exe end [--lang ru|en]
  ideco-agent version
  ideco-agent help

On Windows there is a window when no command is given; with --hidden, only its icon in the notification area.
diagnose writes a file for support: logs, the network, the gateway's answer; there are no passwords in it.
end (Windows, as administrator) ends the access that is open on this computer in another session.

Flags of connect:
  --server GATEWAY[:PORT]  the gateway's name or address; the port is 14765 unless given
                           (or utm_address=GATEWAY[:PORT])
  --login NAME             your login
  --password-stdin         the password is the first line of standard input
  --pin PIN                trust the gateway's root with this pin (base64 of the SHA-256 of its public key);
                           goes with --server (or utm_pin=PIN)
  --root FILE              trust only the root certificates in this file (PEM)
  --json                   print events in JSON, one a line
  --lang ru|en             language of messages; otherwise the display language of Windows, or LC_ALL, LC_MESSAGES, LANG
  --state DIR              where to keep this computer's identifier

On Windows policy (HKLM\Software\Policies\Ideco\Agent) and the installer (HKLM\Software\Ideco\Agent)
may name the gateway in their values UtmAddress and UtmPin; --server is not needed then.
Policy comes before the command line, then what was typed into the window, then the installer.

Outside the local network the gateway gives access through a VPN:
  --tunnel auto            a network interface where the program may make one (default)
  --tunnel tun             a network interface; needs root on Linux, an administrator's rights on Windows
  --tunnel netstack        a SOCKS5 proxy in place of an interface; needs no rights
  --tunnel-name NAME       the interface's name on Linux; ideco-agent0 unless given
  --socks ADDRESS:PORT     where the proxy of --tunnel netstack listens; 127.0.0.1:1080 unless given
  --socks-shared           let the proxy listen where other computers see it; it has no password

Ctrl+C closes access and ends the program.
Exit codes: 0 ended by you, 2 wrong command line, 3 login refused,
4 gateway unreachable or not proven to be yours, 5 access closed by the gateway.
`},
	NoCommand:      {"Не указана команда.", "There is no command."},
	UnknownCommand: {"Неизвестная команда: {value}.", "Unknown command: {value}."},
	BadFlags:       {"Параметры не поняты: {value}.", "The flags were not understood: {value}."},
	ExtraArgument:  {"Лишнее в командной строке: {value}.", "Too much on the command line: {value}."},
	NoServer:       {"Укажите шлюз: --server или utm_address=.", "Name the gateway: --server or utm_address=."},
	BadServer: {
		"Адрес шлюза {place} — не имя и не IP-адрес: {value}.",
		"The gateway's address {place} is neither a name nor an IP address: {value}."},
	NoLogin:         {"Укажите логин: --login.", "Give your login: --login."},
	BadLogin:        {"Логин должен быть в кодировке UTF-8.", "The login has to be UTF-8 text."},
	NoPasswordStdin: {"Укажите --password-stdin: пароль читается из стандартного ввода.", "Give --password-stdin: the password is read from standard input."},
	BadPassword: {
		"Пароль должен быть одной строкой в кодировке UTF-8, не длиннее 1024 байт.",
		"The password has to be one line of UTF-8 text of at most 1024 bytes."},
	PinAndRoot: {"Укажите что-то одно: --pin или --root.", "Give one of the two: --pin or --root."},
	BadPin: {
		"Отпечаток {place} записан неверно: {value}. Отпечаток — 44 знака base64; он показан в личном кабинете рядом с кнопкой «Скачать корневой сертификат», а администратору — на странице «Ideco-agent».",
		"The pin {place} is none: {value}. A pin is 44 characters of base64; the cabinet shows it beside “Download the root certificate”, and the page Ideco-agent shows it to administrators."},
	BadRoot: {
		"В файле {value} нет корневого сертификата (PEM), или файл не читается.",
		"There is no root certificate (PEM) in the file {value}, or it cannot be read."},
	BadTunnel: {"Нет такого VPN: {value}. Есть auto, tun и netstack.", "There is no such VPN: {value}. There are auto, tun and netstack."},
	BadTunnelName: {
		"Так сетевой интерфейс назвать нельзя: {value}. Имя — до 15 латинских букв, цифр и знаков - _ .",
		"A network interface cannot have the name {value}: up to 15 letters, digits and the characters - _ ."},
	BadSocks: {
		"Это не адрес прокси: {value}. Укажите IP-адрес и порт, например 127.0.0.1:1080.",
		"This is no address for a proxy: {value}. Give an IP address and a port, for instance 127.0.0.1:1080."},
	SocksNotLoopback: {
		"На {value} прокси без пароля увидят и другие компьютеры. Укажите адрес 127.0.0.1 или, если так и нужно, --socks-shared.",
		"Other computers would see the proxy on {value}, and it has no password. Use 127.0.0.1, or say that it is meant: --socks-shared."},
	SocksNeedsNetstack: {
		"--socks и --socks-shared нужны только вместе с --tunnel netstack.",
		"--socks and --socks-shared go with --tunnel netstack only."},
	BadLang: {"Языка {value} нет: есть ru и en.", "There is no language {value}: there are ru and en."},
	SeeHelp: {"Справка: ideco-agent help", "For help: ideco-agent help"},
	DeviceNotKept: {
		"Идентификатор этого компьютера не удалось сохранить, в следующий раз он будет другим: {value}",
		"This computer's identifier could not be kept, it will be another one next time: {value}"},
	PasswordNotRead:  {"Не удалось прочитать пароль: {value}.", "The password could not be read: {value}."},
	VersionOfProgram: {"Айдеко Агент {version} ({value})", "Ideco Agent {version} ({value})"},
}

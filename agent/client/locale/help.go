package locale

// Keys of the help texts: of the program and of its commands. {program} is the program's name.
const (
	Help         = "help"
	HelpConnect  = "help_connect"
	HelpDiagnose = "help_diagnose"
	HelpEnd      = "help_end"
	HelpService  = "help_service"
	HelpVersion  = "help_version"
)

var helpTexts = map[string]text{
	Help: {
		`Ideco агент открывает доступ через шлюз, пока работает.

  {program} [utm_address=ШЛЮЗ[:ПОРТ]] [utm_pin=ОТПЕЧАТОК] [--hidden] [--lang ru|en]
  {program} КОМАНДА [параметры]

Без команды открывается окно (только в Windows):
  utm_address=ШЛЮЗ[:ПОРТ]  имя или адрес шлюза; порт 14765, если не указан другой
  utm_pin=ОТПЕЧАТОК        доверять корню шлюза с этим отпечатком (base64 от SHA-256 открытого
                           ключа)
  --hidden                 показать только значок в области уведомлений
  --lang ru|en             язык; без него — язык интерфейса Windows, в Linux — LC_ALL, LC_MESSAGES,
                           LANG

Команды:
  connect   открыть доступ без окна, например на сервере или из скрипта
  diagnose  собрать в файл сведения для поддержки
  end       завершить доступ, открытый на этом компьютере (Windows, от имени администратора)
  service   процесс службы; его запускает сама Windows
  version   показать версию программы
  help      показать эту справку

Справка по команде: {program} help КОМАНДА или {program} КОМАНДА --help
`,
		`Ideco agent opens access through a gateway for as long as it runs.

  {program} [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--hidden] [--lang ru|en]
  {program} COMMAND [flags]

Without a command a window opens (on Windows only):
  utm_address=GATEWAY[:PORT]  the gateway's name or address; the port is 14765 unless given
  utm_pin=PIN                 trust the gateway's root with this pin (base64 of the SHA-256 of its
                              public key)
  --hidden                    show only the icon in the notification area
  --lang ru|en                language; otherwise the display language of Windows, on Linux LC_ALL,
                              LC_MESSAGES, LANG

Commands:
  connect   open access without a window, for instance on a server or from a script
  diagnose  collect information for support in a file
  end       end the access that is open on this computer (Windows, as administrator)
  service   the process of the service; Windows itself starts it
  version   show the version of the program
  help      show this help

Help on a command: {program} help COMMAND or {program} COMMAND --help
`},
	HelpConnect: {
		`Открывает доступ без окна и остаётся подключённой. Ctrl+C закрывает доступ и завершает программу.

  {program} connect [--server ШЛЮЗ[:ПОРТ]] --login ЛОГИН [параметры]
  {program} connect [--server ШЛЮЗ[:ПОРТ]] --sso [параметры]

  --server ШЛЮЗ[:ПОРТ]  имя или адрес шлюза; порт 14765, если не указан другой
                        (или utm_address=ШЛЮЗ[:ПОРТ])
  --login ЛОГИН         ваш логин
  --password-stdin      пароль — первая строка стандартного ввода; в терминале не нужен: программа
                        спросит пароль сама
  --change-password     сначала сменить пароль на шлюзе: новый — вторая строка стандартного ввода, в
                        терминале программа спросит его дважды. Если срок пароля истёк и шлюз умеет
                        его менять, в терминале она спросит новый пароль и без этого параметра
  --sso                 войти без пароля, с билетом Kerberos: в Windows — вашей учётной записи
                        домена, в Linux — из файла KRB5CCNAME или /tmp/krb5cc_UID (получите его
                        командой kinit); только из локальной сети, и шлюз должен быть указан по
                        имени
  --pin ОТПЕЧАТОК       доверять корню шлюза с этим отпечатком (base64 от SHA-256 открытого ключа);
                        действует вместе с --server (или utm_pin=ОТПЕЧАТОК)
  --root ФАЙЛ           доверять только корневым сертификатам из этого файла (PEM или DER)
  --json                печатать события в JSON, по одному в строке
  --debug               печатать и подробности, на английском, в стандартный поток ошибок; с --json
                        они есть всегда
  --lang ru|en          язык; без него — язык интерфейса Windows, в Linux — LC_ALL, LC_MESSAGES,
                        LANG
  --state КАТАЛОГ       где хранить идентификатор этого компьютера

Вне локальной сети шлюз даёт доступ через VPN:
  --tunnel auto         сетевой интерфейс; без прав — отказ (по умолчанию)
  --tunnel tun          сетевой интерфейс; в Linux нужны права root, в Windows — администратора
  --tunnel netstack     прокси SOCKS5 вместо интерфейса; права не нужны
  --tunnel-name ИМЯ     имя интерфейса в Linux; без него ideco-agent0
  --socks АДРЕС:ПОРТ    адрес прокси для --tunnel netstack; без него 127.0.0.1:1080
  --socks-shared        разрешить прокси на адресе, который виден другим компьютерам; пароля у
                        прокси нет

В Windows шлюз могут задать политика (HKLM\Software\Policies\Ideco\Agent) и установщик
(HKLM\Software\Ideco\Agent) значениями UtmAddress и UtmPin; тогда --server не нужен.
Политика важнее командной строки, командная строка важнее установщика.

Коды завершения: 0 — завершено вами, 2 — ошибка в командной строке, 3 — вход отклонён
или VPN не поднялся, 4 — шлюз недоступен или не подтвердил, что он ваш, 5 — доступ закрыл шлюз.
`,
		`Opens access without a window and stays connected. Ctrl+C closes access and ends the program.

  {program} connect [--server GATEWAY[:PORT]] --login NAME [flags]
  {program} connect [--server GATEWAY[:PORT]] --sso [flags]

  --server GATEWAY[:PORT]  the gateway's name or address; the port is 14765 unless given
                           (or utm_address=GATEWAY[:PORT])
  --login NAME             your login
  --password-stdin         the password is the first line of standard input; not needed in a
                           terminal, where the program asks for it
  --change-password        first change the password on the gateway: the new one is the second line
                           of standard input, and a terminal is asked for it twice. If the password
                           has expired and the gateway can change it, a terminal is asked for a new
                           one without this flag too
  --sso                    log in without a password, with a Kerberos ticket: on Windows of your
                           domain account, on Linux from the file KRB5CCNAME or /tmp/krb5cc_UID (get
                           it with kinit); only in the local network, and the gateway has to be
                           given by its name
  --pin PIN                trust the gateway's root with this pin (base64 of the SHA-256 of its
                           public key); goes with --server (or utm_pin=PIN)
  --root FILE              trust only the root certificates in this file (PEM or DER)
  --json                   print events in JSON, one per line
  --debug                  print details too, in English, on standard error; with --json they are
                           always there
  --lang ru|en             language; otherwise the display language of Windows, on Linux LC_ALL,
                           LC_MESSAGES, LANG
  --state DIR              where to keep this computer's identifier

Outside the local network the gateway gives access through a VPN:
  --tunnel auto            a network interface; refused without the rights for it (default)
  --tunnel tun             a network interface; needs root on Linux, an administrator's rights on
                           Windows
  --tunnel netstack        a SOCKS5 proxy in place of an interface; needs no rights
  --tunnel-name NAME       the interface's name on Linux; ideco-agent0 unless given
  --socks ADDRESS:PORT     where the proxy of --tunnel netstack listens; 127.0.0.1:1080 unless given
  --socks-shared           let the proxy listen where other computers see it; it has no password

On Windows policy (HKLM\Software\Policies\Ideco\Agent) and the installer (HKLM\Software\Ideco\Agent)
may name the gateway in their values UtmAddress and UtmPin; --server is not needed then.
Policy comes before the command line, and the command line before the installer.

Exit codes: 0 ended by you, 2 wrong command line, 3 login refused or the VPN did not start, 4
gateway unreachable or not proven to be yours, 5 access closed by the gateway.
`},
	HelpDiagnose: {
		`Собирает в один файл сведения для поддержки: журналы, сеть, ответ шлюза. Паролей в нём нет.
Где лежит файл, программа скажет сама.

  {program} diagnose [utm_address=ШЛЮЗ[:ПОРТ]] [utm_pin=ОТПЕЧАТОК] [--lang ru|en]

  utm_address=ШЛЮЗ[:ПОРТ]  спросить этот шлюз, а не тот, что настроен
  utm_pin=ОТПЕЧАТОК        отпечаток корня этого шлюза
  --lang ru|en             язык ответа

Коды завершения: 0 — файл готов, 1 — записать его не удалось, 2 — ошибка в командной строке.
`,
		`Collects information for support in one file: logs, the network, the gateway's answer. There are no
passwords in it. The program says where the file is.

  {program} diagnose [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--lang ru|en]

  utm_address=GATEWAY[:PORT]  ask this gateway instead of the configured one
  utm_pin=PIN                 the pin of this gateway's root
  --lang ru|en                language of the answer

Exit codes: 0 the file is there, 1 it could not be written, 2 wrong command line.
`},
	HelpEnd: {
		`Завершает доступ, который открыт на этом компьютере, чей бы он ни был. Работает в Windows, где
установлена служба, из командной строки, открытой от имени администратора.

  {program} end [--lang ru|en]

  --lang ru|en  язык ответа

Коды завершения: 0 — доступ завершён или не был открыт, 1 — завершить не удалось, 2 — ошибка в
командной строке.
`,
		`Ends the access that is open on this computer, whoever has it. Works on Windows where the service is
installed, from a command line opened as administrator.

  {program} end [--lang ru|en]

  --lang ru|en  language of the answer

Exit codes: 0 access was ended or nobody had it, 1 it could not be ended, 2 wrong command line.
`},
	HelpService: {
		`Процесс службы IdecoAgent. Его запускает сама Windows; вручную службу запускает команда sc.exe start
IdecoAgent.

  {program} service [параметры]

  --tunnel auto|tun|netstack  как устроить VPN; без него auto
  --socks АДРЕС:ПОРТ          адрес прокси для --tunnel netstack; без него 127.0.0.1:1080
  --socks-shared              разрешить прокси на адресе, который виден другим компьютерам

Параметры пишут в командную строку службы. Шлюз служба берёт у политики или установщика.
`,
		`The process of the service IdecoAgent. Windows itself starts it; by hand the service is started with
sc.exe start IdecoAgent.

  {program} service [flags]

  --tunnel auto|tun|netstack  how to make the VPN; auto unless given
  --socks ADDRESS:PORT        where the proxy of --tunnel netstack listens; 127.0.0.1:1080 unless
                              given
  --socks-shared              let the proxy listen where other computers see it

The flags belong in the command line of the service. The gateway comes from policy or the installer.
`},
	HelpVersion: {
		`Показывает версию программы, версию Go и систему, для которой программа собрана.

  {program} version
`,
		`Shows the version of the program, the version of Go and the system that the program is built for.

  {program} version
`},
}

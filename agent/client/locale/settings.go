package locale

// Keys of texts about the sources that name the gateway.
const (
	InPolicy      = "in_policy"
	OnCommandLine = "on_command_line"
	TypedInWindow = "typed_in_window"
	FromInstaller = "from_installer"
	PinAlone      = "pin_alone"
	PolicyWins    = "policy_wins"
	NotRead       = "not_read"
	GivenTwice    = "given_twice"
)

var settingsTexts = map[string]text{
	InPolicy: {
		`в политике организации (HKLM\Software\Policies\Ideco\Agent)`,
		`in your organisation's policy (HKLM\Software\Policies\Ideco\Agent)`},
	OnCommandLine: {"в командной строке", "on the command line"},
	TypedInWindow: {"в поле «Домен или адрес шлюза»", "in the field Domain or gateway address"},
	FromInstaller: {
		`от установщика (HKLM\Software\Ideco\Agent)`,
		`from the installer (HKLM\Software\Ideco\Agent)`},
	PinAlone: {
		"Отпечаток {place} не действует: рядом с ним нет адреса шлюза.",
		"The pin {place} is ignored: there is no gateway's address beside it."},
	PolicyWins: {
		"Шлюз задан политикой организации: {value}. То, что указано в командной строке, не действует.",
		"Your organisation's policy sets the gateway: {value}. What the command line says about it is ignored."},
	NotRead: {
		"Не удалось прочитать адрес шлюза и отпечаток {place}: {value}.",
		"The gateway's address and pin {place} could not be read: {value}."},
	GivenTwice: {"Указано дважды: {value}.", "Given twice: {value}."},
}

package locale

// Keys of texts about the tunnel.
const (
	TunnelFailed     = "tunnel_failed"
	TunnelNoRights   = "tunnel_no_rights"
	TunnelNotHere    = "tunnel_not_here"
	TunnelNameTaken  = "tunnel_name_taken"
	SocksTaken       = "socks_taken"
	NoteSocks        = "socks"
	NoteDNSUntouched = "dns_untouched"
	NoteIPv6Outside  = "ipv6_outside"
	NoteNetOutside   = "network_outside"
)

var tunnelTexts = map[string]text{
	TunnelFailed: {
		"На этом компьютере не удалось включить VPN. Обратитесь к администратору.",
		"VPN could not be started on this computer. Ask your administrator."},
	TunnelNoRights: {
		"Отсюда доступ возможен только через VPN, а программе не хватает прав. Запустите её от имени root или с --tunnel netstack: тогда VPN станет прокси SOCKS5 для ваших программ.",
		"Access from here needs VPN, and the program lacks the rights for it. Run it as root, or with --tunnel netstack: VPN is then a SOCKS5 proxy for your programs."},
	TunnelNotHere: {
		"В этой системе VPN работает только как прокси SOCKS5: запустите программу с --tunnel netstack.",
		"On this system the VPN works as a SOCKS5 proxy only: run the program with --tunnel netstack."},
	TunnelNameTaken: {
		"Сетевой интерфейс {value} уже есть. Закройте другой Ideco агент или укажите другое имя: --tunnel-name.",
		"There is a network interface {value} already. Close the other Ideco agent, or give another name: --tunnel-name."},
	SocksTaken: {
		"Прокси SOCKS5 не запустился на {value}: адрес занят или чужой. Укажите другой: --socks.",
		"The SOCKS5 proxy could not start on {value}: the address is taken or not this computer's. Give another one: --socks."},
	NoteSocks: {"VPN доступен программам через прокси SOCKS5 {value}.", "Programs reach the VPN through the SOCKS5 proxy {value}."},
	NoteDNSUntouched: {
		"На этом компьютере нет systemd-resolved, поэтому DNS не настроен. Серверы DNS в VPN: {value}.",
		"This computer has no systemd-resolved, so DNS was left alone. The VPN's DNS servers: {value}."},
	NoteIPv6Outside: {
		"Через VPN идёт только IPv4. Соединения по IPv6 идут мимо него.",
		"The VPN carries IPv4 only. Connections by IPv6 go past it."},
	NoteNetOutside: {
		"Сеть {value} уже есть у этого компьютера, она осталась вне VPN.",
		"This computer has the network {value} already, which stays outside the VPN."},
}

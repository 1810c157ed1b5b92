package locale

// Keys of texts about the tunnel.
const (
	TunnelFailed        = "tunnel_failed"
	TunnelNoDevice      = "tunnel_no_device"
	TunnelNoRights      = "tunnel_no_rights"
	TunnelNotHere       = "tunnel_not_here"
	TunnelNameTaken     = "tunnel_name_taken"
	TunnelNeedsService  = "tunnel_needs_service"
	TunnelNoWintun      = "tunnel_no_wintun"
	TunnelInUse         = "tunnel_in_use"
	TunnelAddressInHome = "tunnel_address_in_home"
	TunnelNoFilters     = "tunnel_no_filters"
	SocksTaken          = "socks_taken"
	NoteSocks           = "socks"
	NoteDNSUntouched    = "dns_untouched"
	NoteDNSOutside      = "dns_outside"
	NoteIPv6Outside     = "ipv6_outside"
	NoteNetOutside      = "network_outside"
	NoteNetShadowed     = "network_shadowed"
	NoteHomeForbidden   = "home_forbidden"
)

var tunnelTexts = map[string]text{
	TunnelFailed: {
		"На этом компьютере не удалось включить VPN. Обратитесь к администратору.",
		"VPN could not be started on this computer. Ask your administrator."},
	TunnelNoDevice: {
		"Отсюда доступ возможен только через VPN, а в этой системе нет устройства /dev/net/tun. Выполните от имени root modprobe tun (контейнеру передайте устройство: --device /dev/net/tun) или запустите программу с --tunnel netstack: тогда VPN станет прокси SOCKS5 для ваших программ.",
		"Access from here needs VPN, and this system has no device /dev/net/tun. As root, run modprobe tun (give a container the device with --device /dev/net/tun), or run the program with --tunnel netstack: VPN is then a SOCKS5 proxy for your programs."},
	TunnelNoRights: {
		"Отсюда доступ возможен только через VPN, а программе не хватает прав. Запустите её от имени root или с --tunnel netstack: тогда VPN станет прокси SOCKS5 для ваших программ.",
		"Access from here needs VPN, and the program lacks the rights for it. Run it as root, or with --tunnel netstack: VPN is then a SOCKS5 proxy for your programs."},
	TunnelNotHere: {
		"В этой системе VPN работает только как прокси SOCKS5: запустите программу с --tunnel netstack.",
		"On this system the VPN works as a SOCKS5 proxy only: run the program with --tunnel netstack."},
	TunnelNameTaken: {
		"Сетевой интерфейс {value} уже есть. Закройте другой Ideco агент или укажите другое имя: --tunnel-name.",
		"There is a network interface {value} already. Close the other Ideco agent, or give another name: --tunnel-name."},
	TunnelNeedsService: {
		"Отсюда доступ возможен только через VPN, а для него нужна установленная программа. Попросите администратора установить Ideco агент на этот компьютер.",
		"Access from here needs VPN, and VPN needs the installed program. Ask your administrator to install Ideco agent on this computer."},
	TunnelNoWintun: {
		"Для VPN нужен файл wintun.dll, а в этой установке его нет или он повреждён. Попросите администратора переустановить Ideco агент.",
		"VPN needs the file wintun.dll, which this installation lacks or has damaged. Ask your administrator to reinstall Ideco agent."},
	TunnelAddressInHome: {
		"VPN не включён: его адрес {value} лежит в сети, в которой находится этот компьютер. Сообщите администратору: на шлюзе нужна другая сеть VPN.",
		"VPN was not started: its address {value} is in the network that this computer is in. Tell your administrator that the gateway needs another VPN network."},
	TunnelInUse: {
		"На этом компьютере VPN уже включён другим Ideco агентом. Завершите его сессию и войдите снова.",
		"Another Ideco agent has the VPN of this computer on. End its session and log in again."},
	TunnelNoFilters: {
		"VPN не включён: Windows не даёт закрыть соединения мимо него. Попросите администратора проверить службу BFE («Служба базовой фильтрации»).",
		"VPN was not started: Windows does not let connections past it be closed. Ask your administrator to check the service BFE (Base Filtering Engine)."},
	SocksTaken: {
		"Прокси SOCKS5 не запустился на {value}: адрес занят или чужой. Укажите другой: --socks.",
		"The SOCKS5 proxy could not start on {value}: the address is taken or not this computer's. Give another one: --socks."},
	NoteSocks: {"VPN доступен программам через прокси SOCKS5 {value}.", "Programs reach the VPN through the SOCKS5 proxy {value}."},
	NoteDNSUntouched: {
		"На этом компьютере нет systemd-resolved, поэтому DNS не настроен. Серверы DNS в VPN: {value}.",
		"This computer has no systemd-resolved, so DNS was left alone. The VPN's DNS servers: {value}."},
	NoteDNSOutside: {
		"Шлюз не назвал серверов DNS: имена сайтов ищут серверы этого компьютера, мимо VPN.",
		"The gateway names no DNS servers: names are asked of this computer's own servers, past the VPN."},
	NoteIPv6Outside: {
		"Через VPN идёт только IPv4. Соединения по IPv6 идут мимо него.",
		"The VPN carries IPv4 only. Connections by IPv6 go past it."},
	NoteNetShadowed: {
		"Адреса {value} есть и в сети организации, и там, где вы сейчас. Пока включён VPN, они ведут в организацию; ваш роутер доступен, другие ваши устройства с такими адресами — нет.",
		"The addresses {value} exist both in your organisation and where you are. While the VPN is on they lead to the organisation; your router can be reached, your other devices with such addresses cannot."},
	NoteHomeForbidden: {
		"По правилам организации ваша сеть {value} недоступна, пока включён VPN.",
		"By your organisation's rules your network {value} cannot be reached while the VPN is on."},
	NoteNetOutside: {
		"Сеть {value} уже есть у этого компьютера, она осталась вне VPN.",
		"This computer has the network {value} already, which stays outside the VPN."},
}

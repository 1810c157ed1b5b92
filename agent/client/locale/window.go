package locale

// Keys of texts of the window, and of what it says about the service.
const (
	NoTunnelPortable = "no_tunnel_portable"
)

var windowTexts = map[string]text{
	NoTunnelPortable: {
		"Вы вне сети организации. Отсюда доступ возможен только через VPN, а для VPN программа должна быть установлена на этом компьютере. Обратитесь к администратору.",
		"You are outside your organisation's network. Access from here needs VPN, and VPN needs this program to be installed on this computer. Ask your administrator."},
}

//go:build browser

package e2e

import (
	"testing"
	"time"
)

// TestBrowserNetworksInChromium sets the networks with browser sign-in, first with a mistake. The page has lines for DHCP servers
// once browsers trust the portal's certificate.
func TestBrowserNetworksInChromium(t *testing.T) {
	root := issueUnder(t, nil, "A public CA", 480*time.Hour)
	t.Setenv("SSL_CERT_FILE", saved(t, "roots.pem", []byte(root.pem())))
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "gateway-of-a-department.company.test", "local_networks": []string{"127.0.0.0/8", "192.168.20.0/23"}}, nil)
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]any{"enabled": true}, nil)

	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("nav", "Учётные записи")
	b.open("/admin/agent/access")
	const card, button = `section[aria-labelledby="browser-title"]`, `form[action="/admin/agent/browser"] button`
	b.sees(card, "Браузеры не доверяют сертификату портала")
	b.types("browser_sign_in_networks", "192.168.20.0/24 10.1.0.0/16")
	b.click(button)
	b.sees("#browser_sign_in_networks-note", "10.1.0.0/16 не входит ни в одну из локальных сетей")
	b.pictures("browser-networks-refused")
	b.types("browser_sign_in_networks", "192.168.20.0/24")
	b.click(button)
	b.sees(".toast", "Изменения сохранены")
	b.pictures("browser-networks")

	leaf := issueUnder(t, root, "gateway", 240*time.Hour, "gateway-of-a-department.company.test")
	admin.must("POST", "/certificates", map[string]any{"pem": leaf.pem() + leaf.keyPEM(t)}, nil)
	b.open("/admin/agent/access")
	b.sees(card, "Браузеры доверяют сертификату портала")
	b.click(card + " .unfold summary")
	b.sees("#dnsmasq", "dhcp-option=114,https://gateway-of-a-department.company.test:")
	b.pictures("browser-networks-trusted")
	admin.must("PUT", settingPath, map[string]any{"local_networks": []string{"127.0.0.0/8"}}, nil)
	b.open("/admin/agent/access")
	b.sees(card+" .banner.warn", "192.168.20.0/24")
	b.click(card + " .help summary")
	b.pictures("browser-networks-not-local")
	b.click(`form[action="/language"] button`)
	b.sees(card, "Browser sign-in")
	b.pictures("browser-networks-en")
	b.open("/guide/browser-sign-in")
	b.sees("h1", "Browser sign-in")
	b.pictures("browser-networks-guide")
}

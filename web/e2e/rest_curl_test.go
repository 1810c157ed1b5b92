package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"

	"ideco-agent/agent/needs"
)

// restGuide is the manual of REST: the file of curl's options, and the commands by section.
type restGuide struct {
	options  string
	sections []restSection
}

type restSection struct {
	id       string
	commands []string
}

var (
	sectionID = regexp.MustCompile(`\{#([\w-]+)\}`)
	command   = regexp.MustCompile("(?s)```sh\n(.*?)```")
)

func readRESTGuide(t *testing.T, lang string) (g restGuide) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "templates", "guide", lang, "rest.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(b), "\n## ")[1:] {
		s := restSection{id: sectionID.FindStringSubmatch(part)[1]}
		for line := range strings.SplitSeq(part, "\n") {
			if option, is := strings.CutPrefix(line, "    "); is && s.id == "how" {
				g.options += option + "\n"
			}
		}
		for _, block := range command.FindAllStringSubmatch(part, -1) {
			s.commands = append(s.commands, block[1])
		}
		g.sections = append(g.sections, s)
	}
	return g
}

// curlShell runs commands of the manual in a directory that has its files.
type curlShell struct {
	*gateway
	dir string
}

// run runs curl commands against the gateway, whatever host and port they name. It returns the last status and the output.
func (c curlShell) run(commands string) (status, out string) {
	c.t.Helper()
	cmd := exec.Command("bash", "-ec", `curl() { command curl -sS -q -w '\n%{http_code}\n' --connect-to "::$PORTAL" "$@"; }`+"\n"+commands)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "PORTAL="+c.where.Portal[0])
	b, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", commands, err, b)
	}
	out = strings.TrimSpace(string(b))
	return out[strings.LastIndexByte(out, '\n')+1:], out
}

func newCurlShell(t *testing.T, domain string) curlShell {
	t.Helper()
	needs.Program(t, "curl", "curl")
	g := startGateway(t)
	admin := g.administrator()
	for _, login := range []string{"ivanov", "off"} {
		admin.user(map[string]any{"login": login})
	}
	backupKey, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	admin.must("PUT", settingPath, map[string]any{"auth_domain": domain, "backup_recipient": backupKey.Recipient().String(), "local_networks": []string{"192.168.7.0/24", "10.0.0.0/8"}}, nil)
	c := curlShell{g, t.TempDir()}
	root, err := os.ReadFile(filepath.Join(g.data, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "root.pem"), root, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRESTCurl: curl runs the manual's commands. Left out are those that need a domain controller, a CA, a ticket or a session.
func TestRESTCurl(t *testing.T) {
	elsewhere := regexp.MustCompile(`--negotiate|6pwrw5ac4edlbbjh|/sessions/logout/`)
	for lang, domain := range map[string]string{"ru": "gw.company.ru", "en": "gw.company.com"} {
		t.Run(lang, func(t *testing.T) {
			c, ran := newCurlShell(t, domain), 0
			guide := readRESTGuide(t, lang)
			if err := os.WriteFile(filepath.Join(c.dir, "gw"), []byte(guide.options), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, section := range guide.sections {
				if section.id == "directories" || section.id == "certificate" {
					continue
				}
				for _, command := range section.commands {
					if elsewhere.MatchString(command) {
						continue
					}
					ran++
					if status, out := c.run(command); status != "200" {
						t.Errorf("%s%s", command, out)
					}
				}
			}
			if ran < 25 {
				t.Errorf("%d commands", ran)
			}
			for _, options := range []string{"-K gw", "--cacert root.pem -b jar"} {
				if status, out := c.run("curl " + options + " https://" + domain + ":8443/web/whoami"); status != "401" {
					t.Errorf("after logging out with %s: %s", options, out)
				}
			}
		})
	}
}

// TestRESTCurlVendorJar: scripts of either generation work with a jar that keeps only the vendor's cookies.
func TestRESTCurlVendorJar(t *testing.T) {
	const domain = "gw.company.ru"
	c := newCurlShell(t, domain)
	ask := "curl --cacert root.pem -b jar https://" + domain + ":8443"
	if status, out := c.run(`curl --cacert root.pem -c all https://` + domain + `:8443/web/auth/login --data '{"login":"boss","password":"` + adminPassword +
		`","recaptcha":"","rest_path":"/"}'` + "\n grep -v __Host- all > jar"); status != "200" {
		t.Fatal(out)
	}
	jar, err := os.ReadFile(filepath.Join(c.dir, "jar"))
	if err != nil || strings.Count(string(jar), "ideco") != 2 {
		t.Fatalf("%v\n%s", err, jar)
	}
	for _, step := range []struct{ command, status, says string }{
		{"/web/whoami", "200", `"login":"boss"`},
		{"/agent_backend/wireguard/state -X PUT --data '{\"enabled\":true}'", "200", `{"enabled":true}`},
		{"/agent_backend/agent-server/state", "200", `{"enabled":true}`},
		{"/agent_backend/agent-server/state -X PATCH --data '{\"enabled\":false}'", "200", `{"enabled":false}`},
		{"/agent_backend/wireguard/state", "200", `{"enabled":false}`},
		{"/agent_backend/agent-server/setting -X PATCH --data '{\"local_tunnel\":true}'", "200", `"local_tunnel":true`},
		{"/agent_backend/wireguard/setting -X PUT -H Content-Type: --data '{\"auth_domain\":\"" + domain + "\",\"local_tunnel\":false}'", "200", `"local_tunnel":false`},
		{"/agent_backend/wireguard/setting -X PUT --data '{\"auth_domain\":\"gw:1\"}'", "542", `"fields":{"auth_domain"`},
		{"/agent_backend/wireguard/setting -X PUT --data '{'", "400", "bad_request"},
		{"/agent_backend/wireguard/setting -X PUT -H Content-Type:text/plain --data '{}'", "415", "wrong_content_type"},
		{"/user_backend/users -F login=x", "415", "wrong_content_type"},
		{"/user_backend/users/1 -X DELETE", "542", "alert_last_administrator"},
		{"/certificates", "401", "not_signed_in"},
		{"/admin/agent", "303", ""},
		{"/web/auth/login -X DELETE", "200", "{}"},
		{"/web/whoami", "401", "not_signed_in"},
	} {
		if status, out := c.run(ask + step.command); status != step.status || !strings.Contains(out, step.says) {
			t.Errorf("%s: %s", step.command, out)
		}
	}
	if status, out := c.run(fmt.Sprintf("curl --cacert root.pem -b all https://%s:8443/web/whoami", domain)); status != "401" {
		t.Errorf("the gateway's own cookie: %s", out)
	}
}

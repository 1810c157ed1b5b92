package web

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/templates/locale"
)

// unzip returns the files of a zip.
func unzip(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(content)
	}
	return files
}

// spellings returns the forms in which a secret may be written: as it is, in hex, and in base64 at each of the three offsets.
func spellings(secret string) (list []string) {
	list = []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for offset := range 3 {
		padded := append(bytes.Repeat([]byte{'x'}, offset), secret...)
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := strings.TrimRight(e.EncodeToString(padded), "=")
			from, until := (offset*8+5)/6, len(text)-1 // characters that other bytes share are left out
			if until-from > 8 {
				list = append(list, text[from:until])
			}
		}
	}
	return list
}

// TestBundleHasNoSecrets fills a gateway with secrets of every kind and with people, and looks for each of them in the file for support,
// in every spelling.
func TestBundleHasNoSecrets(t *testing.T) {
	c := plainConfig(t)
	if err := CreateAdministrator(t.Context(), c.Data, "chief-petrov", func() (string, error) { return "correct-horse-battery", nil }); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), databaseIn(c.Data))
	if err != nil {
		t.Fatal(err)
	}
	box := secretbox.New(filepath.Join(c.Data, secretKeyFile))
	seal := func(secret, purpose string) string {
		t.Helper()
		sealed, err := box.Seal(secret, purpose)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	uploaded := issue(t, "gw.company.ru", 5*day)
	secrets := map[string]string{"password": "correct-horse-battery", "bind password": "bind-Passw0rd-of-search", "keytab": "keytab-bytes-\x05\x02-of-gateway", "EAB key": "eab-hmac-key-0123456789",
		"uploaded key": "-----private key of the uploaded certificate-----", "sealed key": seal("-----private key of the uploaded certificate-----", "upload"),
		"resume": "resume-digest-0123456789abcdef01", "cookie": strings.Repeat("c0ffee00", 8), "CA path": "secret-path-of-acme", "contact": "person@company.ru"}
	people := []string{"chief-petrov", "vasilyeva", "Васильева", "+7 999 123-45-67", "search-account", "192.168.7.42"}

	_, err = db.CreateUser(t.Context(), agent.User{Login: "vasilyeva", Name: "Анна Васильева", Phone: "+7 999 123-45-67", Directory: agent.LocalDirectory, Enabled: true, Created: time.Now()}, "$argon2id$hash-of-vasilyeva")
	secrets["hash"] = "$argon2id$hash-of-vasilyeva"
	id, err2 := db.SaveDirectory(t.Context(), agent.DirectorySettings{Kind: agent.DirectoryAD, Name: "company.local", Controllers: []string{"127.0.0.1:1"}, User: "search-account@company.local",
		CheckInterval: time.Hour}, func(id agent.DirectoryID) (string, error) {
		return seal(secrets["bind password"], passwordPurpose(id)), nil
	})
	_, err3 := db.AddUploadedCertificate(t.Context(), agent.UploadedCertificate{Added: time.Now(), PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: uploaded.Certificate[0]})), Sealed: secrets["sealed key"]})
	_, err4 := db.UpdateSettings(t.Context(), func(s *agent.Settings) error {
		s.Domain, s.LANInterfaces, s.WANInterfaces = "gw.company.ru", []string{"lan0"}, []string{"wan0"}
		s.ACME = agent.ACMESettings{Directory: "https://ca.company.ru/" + secrets["CA path"] + "/directory", Email: secrets["contact"], EABKeyID: "kid", EABSealed: seal(secrets["EAB key"], "eab")}
		return nil
	})
	var digest [32]byte
	copy(digest[:], secrets["resume"])
	err5 := db.SaveSession(t.Context(), agent.Session{ID: "s1", UserID: 2, Login: "vasilyeva", Name: "Анна Васильева", Directory: agent.LocalDirectory, Kind: agent.KindLAN, Address: netip.MustParseAddr("192.168.7.42"),
		Started: time.Now(), LoggedIn: time.Now(), Expires: time.Now().Add(time.Hour), Way: agent.WayPassword, Resume: agent.ResumeDigests{Chain: digest, Current: digest}})
	err6 := db.SaveBrowserSession(t.Context(), agent.BrowserSession{ID: secrets["cookie"], UserID: 2, Created: time.Now(), LastSeen: time.Now(), Expires: time.Now().Add(time.Hour), Address: netip.MustParseAddr("192.168.7.42")})
	err7 := db.SetKeytab(t.Context(), id, seal(secrets["keytab"], keytabPurpose(id)))
	if err := errors.Join(err, err2, err3, err4, err5, err6, err7, db.Close()); err != nil {
		t.Fatal(err)
	}
	stop := serveUntil(t, c)
	defer stop()
	if err := os.WriteFile(filepath.Join(c.Data, "setup-link"), []byte("https://gw/setup/0123456789-setup-token-abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"root.key", "wireguard.key", "secret.key", "setup-link"} {
		if b, err := os.ReadFile(filepath.Join(c.Data, name)); err == nil {
			secrets[name] = strings.TrimSpace(string(b))
			if block, _ := pem.Decode(b); block != nil {
				secrets[name+" in base64"] = base64.StdEncoding.EncodeToString(block.Bytes)[20:60]
			}
		}
	}
	for _, name := range []string{"root.key", "secret.key", "setup-link"} {
		if secrets[name] == "" {
			t.Fatalf("no %s", name)
		}
	}

	d, done := openDoctor(t.Context(), c)
	defer done()
	d.recent = func() []agent.LogRecord {
		return []agent.LogRecord{{At: time.Now(), Count: 2, Error: true, Text: "a login failed event=login_refused code=bad_credentials account=vasilyeva peer=192.168.7.42 error=bind of CN=Васильева: search-account@company.local refused by=chief-petrov"}}
	}
	var out bytes.Buffer
	if err := d.Bundle(t.Context(), &out, locale.For("ru")); err != nil {
		t.Fatal(err)
	}
	files := unzip(t, out.Bytes())
	for name, content := range files {
		for what, secret := range secrets {
			for _, spelled := range spellings(secret) {
				if strings.Contains(content, spelled) {
					t.Errorf("%s has the %s as %q", name, what, spelled)
				}
			}
		}
		for _, person := range people {
			if strings.Contains(content, person) {
				t.Errorf("%s has %q", name, person)
			}
		}
	}
	for name, want := range map[string]string{"README.txt": "***", "checks.txt": "company.local", "checks.json": `"code": "directory_failed"`, "versions.json": Version(),
		"started.json": "portal_listen", "settings.json": `"acme_host": "ca.company.ru"`, "directories.json": `"has_keytab": true`, "counts.json": `"accounts": 2`,
		"process.json": "VmRSS", "firewall.nft": "#", "network.txt": "# ip address show", "errors.txt": `msg="a login failed" error="bind of CN=***: *** refused" event="login_refused" code="bad_credentials"`} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %q:\n%s", name, want, files[name])
		}
	}
	if !json.Valid([]byte(files["checks.json"])) || !json.Valid([]byte(files["settings.json"])) {
		t.Error("broken JSON")
	}
}

// TestSpellings: what TestBundleHasNoSecrets looks for is found wherever a secret stands in an encoded text.
func TestSpellings(t *testing.T) {
	const secret = "bind-Passw0rd-of-search"
	for _, before := range []string{"", "a", "ab", "abc"} {
		text := before + secret + "z"
		for _, encoded := range []string{text, hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text))} {
			if !slices.ContainsFunc(spellings(secret), func(s string) bool { return strings.Contains(encoded, s) }) {
				t.Errorf("not found in %q", encoded)
			}
		}
	}
}

// TestSafeLog: both formats of the log keep the keys of the list, and other lines are counted.
func TestSafeLog(t *testing.T) {
	names := peopleNames{}
	names.add("ivanov", "Иван Петров")
	log := `level=ERROR msg="a login failed" event=login_refused account=ivanov peer=192.168.7.42 error="user \"ivanov\" of company.local is locked"
{"time":"2026-11-23T14:05:00Z","level":"WARN","msg":"certificate","name":"gw.company.ru","cause":"connection","detail":"words of a CA"}
panic: secret
`
	got := string(safeLog([]byte(log), names))
	want := `level="ERROR" msg="a login failed" error="user \"***\" of company.local is locked" event="login_refused"
time="2026-11-23T14:05:00Z" level="WARN" msg="certificate" cause="connection"
# lines of another form, left out: 1
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	for text, want := range map[string]string{"ivanov@company.local": "***", `COMPANY\Ivanov`: "***", "Петров,": "***,", "ivanovo": "ivanovo", "company.local": "company.local"} {
		if got := names.mask(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestBundleIsNotOverwritten: an existing file stays as it is, and a new one is readable by its owner alone.
func TestBundleIsNotOverwritten(t *testing.T) {
	c := plainConfig(t)
	file := filepath.Join(t.TempDir(), "support.zip")
	out := DoctorOutput{To: io.Discard, Lang: "en", Bundle: file}
	_ = Doctor(t.Context(), c, out)
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Fatal(info, err)
	}
	if err := Doctor(t.Context(), c, out); err == nil || !strings.Contains(err.Error(), "the file for support cannot be written") {
		t.Error(err)
	}
	if again, err := os.Stat(file); err != nil || again.ModTime() != info.ModTime() {
		t.Error(err)
	}
}

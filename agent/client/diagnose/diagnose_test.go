package diagnose

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

var now = time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC)

// unpack reads a zip.
func unpack(t *testing.T, b []byte) map[string]string {
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

func TestSave(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "agent.log")
	if err := os.WriteFile(log, []byte(strings.Repeat("x", maxPart)+"end"), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := Save(context.Background(), []string{"", filepath.Join(dir, "missing"), dir}, now, []Part{
		Program("Windows 10.0.19045"),
		File("agent.log", log),
		File("service.log", filepath.Join(dir, "none.log")),
		{"routes.txt", func(context.Context) ([]byte, error) { return []byte("half"), errors.New("it broke") }},
	})
	if err != nil || path != filepath.Join(dir, "IdecoAgent-20261123-140506.zip") {
		t.Fatal(path, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b)
	if !strings.Contains(files["program.txt"], "Windows 10.0.19045") || !strings.Contains(files["service.log"], "none.log") ||
		files["routes.txt"] != "half\r\nit broke\r\n" {
		t.Errorf("%.200q", files)
	}
	if got := files["agent.log"]; len(got) != maxPart || !strings.HasSuffix(got, "xend") {
		t.Errorf("%d bytes of the log", len(got))
	}
	if _, err := Save(context.Background(), []string{filepath.Join(dir, "missing")}, now, nil); err == nil {
		t.Error("Save without a writable directory returned no error")
	}
}

func TestGateway(t *testing.T) {
	var b bytes.Buffer
	err := Write(context.Background(), &b, now, []Part{Gateway(
		settings.Setting{Source: settings.Policy, Err: errors.New("access denied")},
		settings.Setting{Source: settings.Installer, Address: "gw.ru"})})
	if err != nil {
		t.Fatal(err)
	}
	text := unpack(t, b.Bytes())["gateway.txt"]
	for _, want := range []string{"not read: access denied", `from_installer: address "gw.ru"`, "counts: in_policy: not_read"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}

func TestProbe(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion() })
	cfg := client.Config{Host: g.Host, Port: g.Port, Lang: locale.English, Roots: g.Root.Pool()}
	for _, c := range []struct {
		cfg  client.Config
		want string
	}{
		{cfg, "The gateway answers. Enter login and password."},
		{client.Config{Host: g.Host, Port: g.Port, Lang: locale.English}, "not_trusted"},
		{client.Config{}, "no gateway"},
	} {
		b, err := Probe(c.cfg).Read(context.Background())
		if err != nil || !strings.Contains(string(b), c.want) {
			t.Errorf("%q, %v, want %q", b, err, c.want)
		}
	}
}

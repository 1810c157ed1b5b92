package installer

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"ideco-agent/agent"
)

// FuzzOpen changes a real template in two places and cuts it off. If Open accepts it, Preset must work.
func FuzzOpen(f *testing.F) {
	_, good := templateFile(f, buildSmall)
	f.Add(uint32(len(good)), uint32(0), []byte{}, uint32(0), []byte{})
	for _, at := range []uint32{24, 44, 48, 60, 64, 68, 72, 76} { // fields of the header
		f.Add(uint32(len(good)), at, []byte{0xFE, 0xFF, 0xFF, 0x7F}, uint32(0), []byte{})
		f.Add(uint32(len(good)), at, []byte{0, 0, 0, 0}, uint32(0), []byte{})
	}
	file, _ := parsed(f, good)
	for _, e := range file.streams {
		f.Add(uint32(len(good)), uint32(e.at+116), []byte{0xFF, 0xFF, 0xFF, 0x7F}, uint32(e.at+120), []byte{0xFF, 0xFF, 0xFF, 0x7F})
		f.Add(uint32(len(good)), uint32(e.at+120), []byte{1, 0, 0, 0}, uint32(e.at+64), []byte{0xFF})
	}
	f.Fuzz(func(t *testing.T, size, at1 uint32, b1 []byte, at2 uint32, b2 []byte) {
		data := bytes.Clone(good[:min(int(size), len(good))])
		copy(data[min(int(at1), len(data)):], b1)
		copy(data[min(int(at2), len(data)):], b2)
		tryTemplate(t, data)
	})
}

// FuzzOpenBytes opens arbitrary bytes.
func FuzzOpenBytes(f *testing.F) {
	f.Add([]byte{})
	f.Add(append(bytes.Clone(cfbMagic), make([]byte, 2048)...))
	f.Fuzz(tryTemplate)
}

func tryTemplate(t *testing.T, data []byte) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	template, err := Open(bytes.NewReader(data))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("Open allocated %d bytes for a template of %d", used, len(data))
	}
	if err != nil {
		return
	}
	for _, pin := range []string{testPin, ""} {
		msi, err := template.Preset(testHost, pin)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, msi.NewReader()); err != nil || n != int64(len(data)) {
			t.Errorf("read %d of %d bytes: %v", n, len(data), err)
		}
	}
}

// FuzzPreset: accepted hosts and pins are in the installer unchanged.
func FuzzPreset(f *testing.F) {
	template := openTemplate(f, buildSmall)
	for _, host := range []string{testHost, longestHost, "ideco.ico", "192.0.2.7", "2001:db8::1", "xn--g1ah2bza.xn--p1ai", "a", "шлюз.рф", "gw:14765", "[x]", ""} {
		f.Add(host, testPin)
		f.Add(host, "")
	}
	f.Fuzz(func(t *testing.T, host, pin string) {
		msi, err := template.Preset(host, pin)
		if err != nil {
			return
		}
		if !agent.IsHost(host) {
			t.Fatalf("accepted the host %q", host)
		}
		db, err := openDatabase(bytes.NewReader(content(t, msi))) // which also checks that each text is there once
		if err != nil {
			t.Fatal(err)
		}
		rows, err := propertyRows(db.tables, db.pool)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, r := range rows {
			got[db.pool.text(r.key)] = db.pool.text(r.value)
		}
		for key, want := range map[string]string{propAddress: host, propAddressPreset: host, propPin: "*", propPinPreset: pin, propCode: template.makeCode("ProductCode", host, pin)} {
			if got[key] != want {
				t.Errorf("%s is %q, want %q", key, got[key], want)
			}
		}
	})
}

package installer

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"ideco-agent/agent/needs"
)

func sumOfFile(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

// TestPrograms: the sums are those of the files that the template was built from.
func TestPrograms(t *testing.T) {
	for name, build := range map[string]func() (string, error){"small": buildSmall, "large": buildLarge} {
		got, err := openTemplate(t, build).Programs()
		if err != nil {
			t.Fatal(err)
		}
		exes := programs(name)
		want := []Program{{"IdecoAgent.exe", Windows10, sumOfFile(t, exes[0])}, {"IdecoAgent.exe", Windows8, sumOfFile(t, exes[1])}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
}

// TestProgramsWithWintun: a template with the driver has its sum too. The files are text, because random bytes are not compressed.
func TestProgramsWithWintun(t *testing.T) {
	needTools(t)
	if _, err := buildSmall(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text, err := os.ReadFile("cfb.go")
	if err != nil {
		t.Fatal(err)
	}
	for len(text) < 200_000 {
		text = append(text, text...)
	}
	files := []string{filepath.Join(dir, "10.exe"), programs("small")[1], filepath.Join(dir, "wintun.dll")}
	for i, content := range map[int][]byte{0: text, 2: text[1000:50_000]} {
		if err := os.WriteFile(files[i], content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	msi := filepath.Join(dir, "IdecoAgent.msi")
	if out, err := exec.Command(script(), files[0], files[1], msi, "1.2.3", files[2]).CombinedOutput(); err != nil {
		t.Fatalf("installer.sh: %v\n%s", err, out)
	}
	data, err := os.ReadFile(msi)
	if err != nil {
		t.Fatal(err)
	}
	template, err := Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Programs()
	if err != nil {
		t.Fatal(err)
	}
	want := []Program{
		{"IdecoAgent.exe", Windows10, sumOfFile(t, files[0])},
		{"IdecoAgent.exe", Windows8, sumOfFile(t, files[1])},
		{"wintun.dll", AnyWindows, sumOfFile(t, files[2])},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// ofThisBuild returns the template that make build has built.
func ofThisBuild(tb testing.TB) File {
	tb.Helper()
	b, err := Embedded()
	if errors.Is(err, ErrNoTemplate) {
		needs.Skip(tb, "this build has no installer (make build, with wixl and msitools installed)")
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestProgramsOfThisBuild: the programs in the built template can be unpacked.
func TestProgramsOfThisBuild(t *testing.T) {
	b := ofThisBuild(t)
	template, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	programs, err := template.Programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		t.Logf("%s %s %x", p.Name, p.Windows, p.SHA256)
	}
}

// TestCabinetHistory: a block may refer to bytes of the previous block. wixl makes no such blocks.
func TestCabinetHistory(t *testing.T) {
	first := make([]byte, 32<<10)
	rand.NewChaCha8([32]byte{}).Read(first)
	second := first[1000:20_000]
	var data bytes.Buffer
	for _, block := range []struct{ plain, history []byte }{{first, nil}, {second, first}} {
		packed := bytes.NewBufferString("CK")
		deflate, err := flate.NewWriterDict(packed, flate.BestCompression, block.history)
		if err != nil {
			t.Fatal(err)
		}
		deflate.Write(block.plain)
		deflate.Close()
		binary.Write(&data, binary.LittleEndian, cabBlock{Packed: uint16(packed.Len()), Length: uint16(len(block.plain))})
		packed.WriteTo(&data)
	}
	sums := map[string][sha256.Size]byte{}
	files := []namedFile{{cabFile{Size: uint32(len(first) - 100 + len(second)), Offset: 100}, "b"}, {cabFile{Size: 100}, "a"}}
	if err := sumFolder(sums, cabFolder{Blocks: 2, Method: 1}, &data, files); err != nil {
		t.Fatal(err)
	}
	want := map[string][sha256.Size]byte{"a": sha256.Sum256(first[:100]), "b": sha256.Sum256(append(first[100:], second...))}
	if !reflect.DeepEqual(sums, want) {
		t.Errorf("%x, want %x", sums, want)
	}
}

// TestCabinetCutOff: a truncated cabinet is an error and no panic.
func TestCabinetCutOff(t *testing.T) {
	template := openTemplate(t, buildSmall)
	s, err := template.file.open(cabinetName)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := template.file.read(s)
	if err != nil {
		t.Fatal(err)
	}
	for length := 0; length < len(whole); length += 1 + length/50 {
		data := bytes.Clone(whole[:length])
		if length >= 12 {
			binary.LittleEndian.PutUint32(data[8:], uint32(length)) // the size in the header
		}
		c, err := parseCabinet(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
		if err == nil {
			_, err = c.sums()
		}
		if err == nil {
			t.Errorf("no error from %d of %d bytes", length, len(whole))
		}
	}
}

func BenchmarkPrograms(b *testing.B) {
	data := ofThisBuild(b)
	template, err := Open(data)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := template.Programs(); err != nil {
			b.Fatal(err)
		}
	}
}

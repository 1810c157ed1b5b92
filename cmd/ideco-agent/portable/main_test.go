package main

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestPack(t *testing.T) {
	b, err := pack([]byte("ten"), []byte("eight"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := pack([]byte("ten"), []byte("eight")); err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same programs gave another archive: %v", err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"IdecoAgent.exe": "ten", "IdecoAgent-Windows8.exe": "eight", "README.txt": "utm_address="}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), want[f.Name]) {
			t.Errorf("%s holds %q", f.Name, content)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("not in the archive: %v", want)
	}
}

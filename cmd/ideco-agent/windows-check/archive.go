package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sort"
	"time"
	"unicode/utf16"
)

// collectedFile is one file for the zip.
type collectedFile struct {
	name    string
	content []byte
}

// collected returns the files of this run, and the files in diagnose's zip as files of their own. A file that cannot be read
// has the error as its content.
func (s *suite) collected() []collectedFile {
	entries, err := os.ReadDir(s.work)
	if err != nil {
		return []collectedFile{{"files.txt", []byte(err.Error())}}
	}
	var list []collectedFile
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(s.work, e.Name()))
		switch {
		case err != nil:
			list = append(list, collectedFile{e.Name(), []byte(err.Error())})
		case filepath.Ext(e.Name()) == ".zip":
			list = append(list, unpack(e.Name(), b)...)
		default:
			list = append(list, collectedFile{e.Name(), b})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// unpack returns the files in a zip, so that secrets are also found and removed in compressed files.
func unpack(name string, b []byte) []collectedFile {
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return []collectedFile{{name + ".txt", []byte(err.Error())}}
	}
	var list []collectedFile
	for _, f := range archive.File {
		content, err := readMember(f)
		if err != nil {
			content = []byte(err.Error())
		}
		list = append(list, collectedFile{name + "/" + f.Name, content})
	}
	return list
}

func readMember(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxCollected))
}

// save writes the zip and returns its path.
func (s *suite) save(now time.Time) (string, error) {
	files := append([]collectedFile{{"table.txt", []byte(table(s.rows) + "\n" + manualSteps())}, {"table.json", tableJSON(s.rows)}}, s.collected()...)
	b, err := pack(files, s.password, now)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.out, "windows-check-"+now.Format("20060102-150405")+".zip")
	return path, os.WriteFile(path, b, 0o600)
}

// pack makes a zip of the files without the password.
func pack(files []collectedFile, password string, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		content := f.content
		if len(content) > maxCollected {
			content = content[len(content)-maxCollected:]
		}
		for _, secret := range encodings(password) {
			content = bytes.ReplaceAll(content, secret, []byte("[password]"))
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: now})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// encodings returns the password in the encodings that a file may have: UTF-8, UTF-16, and JSON.
func encodings(password string) [][]byte {
	if password == "" {
		return nil
	}
	var little, big []byte
	for _, u := range utf16.Encode([]rune(password)) {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	list := [][]byte{[]byte(password), little, big}
	if quoted, err := json.Marshal(password); err == nil {
		list = append(list, quoted[1:len(quoted)-1])
	}
	return list
}

func hasPassword(b []byte, password string) bool {
	for _, secret := range encodings(password) {
		if bytes.Contains(b, secret) {
			return true
		}
	}
	return false
}

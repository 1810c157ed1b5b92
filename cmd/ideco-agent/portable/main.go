// Command portable packs the two builds of the Windows program into the archive that an administrator unpacks on a
// share:
//
//	portable EXE10 EXE8 OUT.zip
//
// EXE10 is the build for Windows 10 and newer, EXE8 the one for Windows 8 and 8.1. README.txt explains how a logon
// script starts them. The archive is reproducible.
package main

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"time"

	"ideco-agent/agent/atomicfile"
)

//go:embed README.txt
var readme string

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "portable: want EXE10 EXE8 OUT.zip")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "portable:", err)
		os.Exit(1)
	}
}

func run(exe10, exe8, out string) error {
	ten, err := os.ReadFile(exe10)
	if err != nil {
		return err
	}
	eight, err := os.ReadFile(exe8)
	if err != nil {
		return err
	}
	archive, err := pack(ten, eight)
	if err != nil {
		return err
	}
	return atomicfile.Write(out, archive, 0o644)
}

// pack gives every file the same time, so that the archive is reproducible. README.txt gets a UTF-8 byte order mark
// and CR LF line ends, which the Notepad of Windows 8 needs.
func pack(exe10, exe8 []byte) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"IdecoAgent.exe", exe10},
		{"IdecoAgent-Windows8.exe", exe8},
		{"README.txt", []byte("\ufeff" + strings.ReplaceAll(readme, "\n", "\r\n"))},
	} {
		file, err := archive.CreateHeader(&zip.FileHeader{
			Name: f.name, Method: zip.Deflate, Modified: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

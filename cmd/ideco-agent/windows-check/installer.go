package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Constants of the compound file format, which an MSI has ([MS-CFB] 2.1, 2.2, 2.5).
const (
	cfbMagic    = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	cfbFree     = 0xffffffff // an entry of the allocation table: the sector is free
	cfbInHeader = 109        // how many sectors of the allocation table the header can list
	cfbMaxFATs  = 1 << 14    // a file of 1 GB has this many
)

// checkComplete returns why a file is not a complete installer. After an interrupted download the file lacks sectors that
// its allocation table says are in use.
func checkComplete(r io.ReaderAt, size int64) error {
	head := make([]byte, 512)
	if _, err := r.ReadAt(head, 0); err != nil || string(head[:8]) != cfbMagic {
		return errors.New("this is not an installer: it does not begin like an MSI")
	}
	sector := int64(1) << binary.LittleEndian.Uint16(head[30:])
	fats := binary.LittleEndian.Uint32(head[44:])
	if sector < 512 || sector > 4096 || fats == 0 || fats > cfbMaxFATs {
		return errors.New("this is not an installer: its header is damaged")
	}
	read := func(n uint32) ([]byte, error) {
		b := make([]byte, sector)
		if _, err := r.ReadAt(b, (int64(n)+1)*sector); err != nil {
			return nil, fmt.Errorf("the file is cut off: it has %d bytes, which do not contain sector %d", size, n)
		}
		return b, nil
	}
	difat := head[76:]
	last, used := uint32(0), int64(-1)
	for i := uint32(0); i < fats; i++ {
		index := i
		if i >= cfbInHeader { // the rest is in DIFAT sectors; the last entry of each is the number of the next DIFAT sector
			perSector := uint32(sector/4) - 1
			if index = (i - cfbInHeader) % perSector; index == 0 {
				next := binary.LittleEndian.Uint32(head[68:])
				if i > cfbInHeader {
					next = binary.LittleEndian.Uint32(difat[4*perSector:])
				}
				b, err := read(next)
				if err != nil {
					return err
				}
				difat = b
			}
		}
		last = binary.LittleEndian.Uint32(difat[4*index:])
		b, err := read(last)
		if err != nil {
			return err
		}
		for j := 0; j < len(b); j += 4 {
			if binary.LittleEndian.Uint32(b[j:]) != cfbFree {
				used = int64(i)*(sector/4) + int64(j/4)
			}
		}
	}
	if want := (used + 1) * sector; size <= want { // the last sector may be shorter
		return fmt.Errorf("the file is cut off: it has %d bytes and needs more than %d", size, want)
	}
	return nil
}

// installLog holds the parts of msiexec's log (/l*v) that are judged.
type installLog struct {
	Failed     []string          // actions that ended with 3, a fatal error
	Errors     []string          // internal errors of Windows Installer, by number
	Properties map[string]string // at the end of the installation; empty in Wine, which does not log them
}

// Lines of the log. Windows translates their words, so only times, names and numbers are read.
var (
	logActionEnd = regexp.MustCompile(`^\S.* \d{1,2}:\d\d:\d\d: (\w+)\. .*\b3\.$`)
	logDebug     = regexp.MustCompile(`\bDEBUG: \S+ (2\d\d\d)\b`)
	logNote      = regexp.MustCompile(`\bNote: 1: (\d{4})\b`)
	logProperty  = regexp.MustCompile(`^Property\([SC]\): (\w+) = (.*)$`)
)

// harmless are internal errors that Windows logs for every installer with dialogs: a control that is larger than its
// dialog (2826), and a font that was created (2898).
var harmless = map[string]bool{"2826": true, "2898": true}

// seriousNotes are notes in the log that are errors: the database is invalid, a cabinet is damaged or missing, a file is
// not in its table, a service cannot be started or installed ("Windows Installer Error Messages" in Microsoft's
// documentation). Most other notes, such as 2203 and 2205, are in the log of every installation.
var seriousNotes = map[string]bool{"2219": true, "2350": true, "2356": true, "2715": true, "1335": true, "1920": true, "1923": true}

func readInstallLog(b []byte) installLog {
	l := installLog{Properties: map[string]string{}}
	seen := map[string]bool{}
	add := func(list *[]string, what string) {
		if !seen[what] {
			seen[what] = true
			*list = append(*list, what)
		}
	}
	for _, line := range strings.Split(decodeText(b), "\n") {
		line = strings.TrimRight(line, "\r ")
		if m := logActionEnd.FindStringSubmatch(line); m != nil {
			add(&l.Failed, m[1])
		}
		if m := logDebug.FindStringSubmatch(line); m != nil && !harmless[m[1]] {
			add(&l.Errors, "error "+m[1])
		}
		if m := logNote.FindStringSubmatch(line); m != nil && seriousNotes[m[1]] {
			add(&l.Errors, "error "+m[1])
		}
		if m := logProperty.FindStringSubmatch(line); m != nil {
			l.Properties[m[1]] = m[2]
		}
	}
	return l
}

// installCodes are exit codes of msiexec ("MsiExec.exe and InstMsi.exe Error Messages" in Microsoft's
// documentation).
var installCodes = map[int]string{
	1601: "the Windows Installer service could not be reached", 1602: "cancelled", 1603: "a fatal error",
	1605: "the product is not installed", 1612: "the installation source is not available",
	1618: "another installation is running", 1619: "the package could not be opened", 1620: "the package is not an installer",
	1622: "the log could not be opened", 1625: "forbidden by policy", 1627: "a function failed during the installation",
	1633: "not for this processor", 1638: "another version is installed", 1639: "an invalid command line",
	1641: "the computer restarts", 3010: "a restart is required",
}

// judgeInstall judges a run of msiexec by its exit code and its log.
func judgeInstall(code int, l installLog, log string) result {
	seen := fmt.Sprintf("exit code %d", code)
	if meaning := installCodes[code]; meaning != "" {
		seen += ", " + meaning
	}
	if len(l.Failed) > 0 {
		seen += "; failed actions: " + strings.Join(l.Failed, ", ")
	}
	if len(l.Errors) > 0 {
		seen += "; in the log: " + strings.Join(l.Errors, ", ")
	}
	if (code != 0 && code != 3010) || len(l.Failed) > 0 || len(l.Errors) > 0 {
		return failed(log+" in the zip", "%s", seen)
	}
	return ok("%s, no error in the log", seen)
}

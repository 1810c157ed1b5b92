package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Numbers of the format that an MSI is in ([MS-CFB] 2.1, 2.2, 2.5).
const (
	cfbMagic   = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	cfbFree    = 0xffffffff // an entry of the allocation table: nobody has the sector
	cfbInHead  = 109        // how many sectors of the allocation table the header names
	cfbMaxFATs = 1 << 14    // of a file of 1 GB
)

// wholeInstaller tells why a file cannot be a whole installer: it does not have all sectors that its allocation table
// says are in use, as after an interrupted download.
func wholeInstaller(r io.ReaderAt, size int64) error {
	head := make([]byte, 512)
	if _, err := r.ReadAt(head, 0); err != nil || string(head[:8]) != cfbMagic {
		return errors.New("this is no installer: it does not begin like an MSI")
	}
	sector := int64(1) << binary.LittleEndian.Uint16(head[30:])
	fats := binary.LittleEndian.Uint32(head[44:])
	if sector < 512 || sector > 4096 || fats == 0 || fats > cfbMaxFATs {
		return errors.New("this is no installer: its header is damaged")
	}
	read := func(n uint32) ([]byte, error) {
		b := make([]byte, sector)
		if _, err := r.ReadAt(b, (int64(n)+1)*sector); err != nil {
			return nil, fmt.Errorf("the file is cut off: it has %d bytes, and its sector %d is not among them", size, n)
		}
		return b, nil
	}
	where := head[76:]
	last, used := uint32(0), int64(-1)
	for i := uint32(0); i < fats; i++ {
		at := i
		if i >= cfbInHead { // the others stand in sectors of their own, each of which ends with the next one's number
			each := uint32(sector/4) - 1
			if at = (i - cfbInHead) % each; at == 0 {
				next := binary.LittleEndian.Uint32(head[68:])
				if i > cfbInHead {
					next = binary.LittleEndian.Uint32(where[4*each:])
				}
				b, err := read(next)
				if err != nil {
					return err
				}
				where = b
			}
		}
		last = binary.LittleEndian.Uint32(where[4*at:])
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

// installLog is what the log of msiexec (/l*v) says.
type installLog struct {
	Failed     []string          // actions that ended with 3, a fatal error
	Errors     []string          // errors of the installer's own, by number
	Properties map[string]string // as they were at the end; Wine does not tell
}

// Lines of the log. Windows translates their words, so only times, names and numbers are looked at.
var (
	logActionEnd = regexp.MustCompile(`^\S.* \d{1,2}:\d\d:\d\d: (\w+)\. .*\b3\.$`)
	logDebug     = regexp.MustCompile(`\bDEBUG: \S+ (2\d\d\d)\b`)
	logNote      = regexp.MustCompile(`\bNote: 1: (\d{4})\b`)
	logProperty  = regexp.MustCompile(`^Property\([SC]\): (\w+) = (.*)$`)
)

// harmless are internal errors that Windows logs about dialogs and fonts of every installer: a control that is larger
// than its dialog, and a font that was made.
var harmless = map[string]bool{"2826": true, "2898": true}

// grave are errors that Windows also logs as a note: the database is invalid, a cabinet is damaged or missing, a file is
// not in its table, a service cannot be started or installed ("Windows Installer Error Messages" in Microsoft's
// documents). Most other notes, such as 2203 and 2205, stand in the log of every installation.
var grave = map[string]bool{"2219": true, "2350": true, "2356": true, "2715": true, "1335": true, "1920": true, "1923": true}

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
		if m := logNote.FindStringSubmatch(line); m != nil && grave[m[1]] {
			add(&l.Errors, "error "+m[1])
		}
		if m := logProperty.FindStringSubmatch(line); m != nil {
			l.Properties[m[1]] = m[2]
		}
	}
	return l
}

// installCodes are exit codes of msiexec ("MsiExec.exe and InstMsi.exe Error Messages" in Microsoft's documents).
var installCodes = map[int]string{
	1602: "cancelled", 1603: "a fatal error", 1605: "the product is not installed", 1612: "its source is gone",
	1618: "another installation is running", 1619: "the package could not be opened", 1620: "the package is no installer",
	1625: "forbidden by policy", 1633: "not for this kind of computer", 1638: "another version is installed",
	1641: "the computer restarts", 3010: "a restart is wanted",
}

// judgeInstall is what came of a run of msiexec.
func judgeInstall(code int, l installLog, log string) result {
	words := ""
	if known := installCodes[code]; known != "" {
		words = ", " + known
	}
	seen := fmt.Sprintf("exit code %d%s", code, words)
	if len(l.Failed) > 0 {
		seen += "; ended with 3: " + strings.Join(l.Failed, ", ")
	}
	if len(l.Errors) > 0 {
		seen += "; in the log: " + strings.Join(l.Errors, ", ")
	}
	if (code != 0 && code != 3010) || len(l.Failed) > 0 || len(l.Errors) > 0 {
		return bad(log, "%s", seen)
	}
	return good("%s, no error in the log", seen)
}

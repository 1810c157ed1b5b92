package installer

import (
	"crypto/sha256"
	"fmt"
)

// Program is an installed file that Windows or an antivirus may refuse to load.
type Program struct {
	Name    string // as installed
	Windows WindowsVersion
	SHA256  [sha256.Size]byte
}

// WindowsVersion is the version of Windows on which a program is installed.
type WindowsVersion string

const (
	AnyWindows WindowsVersion = ""
	Windows10  WindowsVersion = "10" // and newer
	Windows8   WindowsVersion = "8"  // and 8.1
)

const cabinetName = "agent.cab"

// Programs returns the programs in the template. It unpacks and hashes them, which takes some tenths of a second.
func (t *Template) Programs() ([]Program, error) {
	s, err := t.file.open(cabinetName)
	if err != nil {
		return nil, fmt.Errorf("installer template: %w", err)
	}
	cab, err := parseCabinet(t.file.content(s))
	if err != nil {
		return nil, fmt.Errorf("installer template: read %s: %w", cabinetName, err)
	}
	sums, err := cab.sums()
	if err != nil {
		return nil, fmt.Errorf("installer template: read %s: %w", cabinetName, err)
	}
	var programs []Program
	for _, p := range []struct {
		key     string // names the file in the cabinet, see installer.wxs
		name    string
		windows WindowsVersion
	}{
		{"IdecoAgent.exe", "IdecoAgent.exe", Windows10},
		{"IdecoAgentWin8.exe", "IdecoAgent.exe", Windows8},
		{"wintun.dll", "wintun.dll", AnyWindows},
	} {
		sum, ok := sums[p.key]
		if ok {
			programs = append(programs, Program{p.name, p.windows, sum})
		} else if p.windows != AnyWindows {
			return nil, fmt.Errorf("installer template: %s lacks %s", cabinetName, p.key)
		}
	}
	return programs, nil
}

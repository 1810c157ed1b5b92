package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Keys of the registry.
const (
	keyWindows     = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyEnvironment = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager\Environment`
	keyLanguage    = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\Language`
	keyUAC         = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`
	keyAppLocker   = `HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\SrpV2`
	keyCodePolicy  = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\CI\Policy`
	keyPrograms    = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`
	keyPrograms32  = `HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall`
	keyRun         = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`
	keyIdeco       = `HKEY_LOCAL_MACHINE\SOFTWARE\Ideco`
	keyGateway     = keyIdeco + `\Agent`
	keyService     = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\IdecoAgent`
	keyTcpip       = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\`
	keyTcpip6      = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip6\Parameters\Interfaces\`
	keyNetBT       = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces\Tcpip_`
	keyNameRule    = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig\` + nameRule
	keyPolicyRule  = `HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig\` + nameRule
)

// GUIDs of the agent: of its rule in the name resolution policy table (NRPT), and of its network interface.
const (
	nameRule    = `{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`
	adapterGUID = `{6C1D2A94-3B7E-4F0D-A15E-27D9804C6B13}`
)

// regKey holds the values of one key by their names in lower case. The default value has the name "@".
type regKey map[string]regValue

// regValue is a value as text, number or bytes, depending on its type.
type regValue struct {
	Text   string
	Number uint32
	Bytes  []byte
}

// regTree holds keys by their full names in lower case.
type regTree map[string]regKey

func (t regTree) key(name string) regKey { return t[strings.ToLower(name)] }

func (k regKey) text(name string) string   { return k[strings.ToLower(name)].Text }
func (k regKey) number(name string) uint32 { return k[strings.ToLower(name)].Number }
func (k regKey) has(name string) bool      { _, found := k[strings.ToLower(name)]; return found }

// parseRegistry reads a file of reg export, which is the same in every language of Windows.
func parseRegistry(b []byte) regTree {
	tree := regTree{}
	var key regKey
	file := strings.ReplaceAll(decodeText(b), "\\\r\n", "") // a long value continues in the next line
	for _, line := range strings.Split(file, "\r\n") {
		switch {
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			key = regKey{}
			tree[strings.ToLower(line[1:len(line)-1])] = key
		case key != nil:
			if name, value, found := cutValue(line); found {
				key[strings.ToLower(name)] = parseValue(value)
			}
		}
	}
	return tree
}

// cutValue splits "name"=value or @=value.
func cutValue(line string) (name, value string, found bool) {
	if strings.HasPrefix(line, "@=") {
		return "@", line[2:], true
	}
	name, rest, found := quoted(line)
	if !found || !strings.HasPrefix(rest, "=") {
		return "", "", false
	}
	return name, rest[1:], true
}

// quoted reads a text in quotes, in which \ and " are escaped with \.
func quoted(s string) (text, rest string, found bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", s, false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", s, false
}

func parseValue(s string) regValue {
	if text, _, found := quoted(s); found {
		return regValue{Text: text}
	}
	if strings.HasPrefix(s, "dword:") {
		n, err := strconv.ParseUint(s[len("dword:"):], 16, 32)
		if err != nil {
			return regValue{}
		}
		return regValue{Number: uint32(n), Text: strconv.FormatUint(n, 10)}
	}
	kind, digits, found := strings.Cut(s, ":")
	if !found || !strings.HasPrefix(kind, "hex") {
		return regValue{}
	}
	b, err := hex.DecodeString(strings.NewReplacer(",", "", " ", "").Replace(digits))
	if err != nil {
		return regValue{}
	}
	v := regValue{Bytes: b}
	if kind == "hex(2)" || kind == "hex(7)" { // REG_EXPAND_SZ, REG_MULTI_SZ
		v.Text = strings.TrimRight(strings.ReplaceAll(utf16Text(b, binary.LittleEndian), "\x00", "\n"), "\n")
	}
	return v
}

// parseQuery finds one value in the output of reg query, where four spaces separate name, type and data.
func parseQuery(text, name string) (regValue, bool) {
	for _, line := range strings.Split(text, "\n") {
		part := strings.SplitN(strings.TrimSpace(line), "    ", 3)
		if len(part) != 3 || !strings.EqualFold(part[0], name) {
			continue
		}
		if part[1] == "REG_DWORD" {
			n, err := strconv.ParseUint(part[2], 0, 32)
			return regValue{Text: part[2], Number: uint32(n)}, err == nil
		}
		return regValue{Text: part[2]}, true
	}
	return regValue{}, false
}

// decodeText decodes a file of Windows' tools: UTF-16 with a byte order mark, or UTF-8 with or without one.
func decodeText(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return utf16Text(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return utf16Text(b[2:], binary.BigEndian)
	}
	return string(bytes.TrimPrefix(b, []byte{0xef, 0xbb, 0xbf}))
}

func utf16Text(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

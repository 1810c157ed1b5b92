package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
)

var machineChecks = []check{
	{"Windows", nil, (*suite).windowsVersion},
	{"restrictions", nil, (*suite).restrictions},
	{"installer file", nil, (*suite).installerFile},
	{"Mark of the Web", nil, (*suite).markOfTheWeb},
	{"installer signature", []*need{needShell}, func(s *suite) result { return s.signature("signature-msi", s.msi, true) }},
}

// windowsVersion reports the version of Windows, and collects its network settings before anything is changed.
func (s *suite) windowsVersion() result {
	architecture := s.values(keyEnvironment, "PROCESSOR_ARCHITECTURE").text("PROCESSOR_ARCHITECTURE")
	language := s.values(keyLanguage, "InstallLanguage").text("InstallLanguage")
	k := s.values(keyWindows, "ProductName", "DisplayVersion", "InstallationType", "CurrentBuild", "UBR")
	s.runTool("ipconfig", "ipconfig.exe", "/all")
	s.runTool("route", "route.exe", "print")
	return judgeWindows(k, architecture, language, s.wine)
}

func judgeWindows(k regKey, architecture, language string, wine bool) result {
	build, err := strconv.Atoi(k.text("CurrentBuild"))
	if err != nil {
		return failed("registry-CurrentBuild.txt in the zip", "the registry does not say which build this is")
	}
	const windows8, windows11 = 9200, 22000
	name := k.text("ProductName")
	if build >= windows11 { // whose ProductName is still Windows 10
		name = strings.Replace(name, "Windows 10", "Windows 11", 1)
	}
	seen := strings.Join(strings.Fields(name+" "+k.text("DisplayVersion")+" "+k.text("InstallationType")), " ") +
		fmt.Sprintf(", build %d.%d, %s, language %s", build, k.number("UBR"), architecture, languageName(language))
	if wine {
		seen += ", Wine"
	}
	if build < windows8 {
		return failed("the README: Windows 8 or newer is needed", "%s", seen)
	}
	return ok("%s", seen)
}

// languageName returns the name of the agent's two languages, and the number of others.
func languageName(lcid string) string {
	switch strings.ToLower(lcid) {
	case "0409":
		return "English"
	case "0419":
		return "Russian"
	}
	return lcid
}

// restrictions lists policies that may block programs. It never fails; it helps to explain failures of other rows.
func (s *suite) restrictions() result {
	var seen []string
	uac := s.values(keyUAC, "EnableLUA")
	switch {
	case !uac.has("EnableLUA"):
		seen = append(seen, "UAC not set")
	case uac.number("EnableLUA") == 0:
		seen = append(seen, "UAC off")
	default:
		seen = append(seen, "UAC on")
	}
	seen = append(seen, "AppLocker "+appLocker(s.registry(keyAppLocker, true)))
	switch policy := s.registry(keyCodePolicy, true).key(keyCodePolicy); policy.number("VerifiedAndReputablePolicyState") {
	case 0:
		seen = append(seen, "Smart App Control off")
	case 1:
		seen = append(seen, "Smart App Control on")
	default:
		seen = append(seen, "Smart App Control in evaluation mode")
	}
	return ok("%s, App Control (WDAC) %s", strings.Join(seen, ", "), s.codeIntegrity())
}

// appLocker returns which rule collections of the policy are enforced (EnforcementMode 1).
func appLocker(tree regTree) string {
	var enforced []string
	for name, key := range tree {
		if key.number("EnforcementMode") == 1 {
			enforced = append(enforced, name[strings.LastIndexByte(name, '\\')+1:])
		}
	}
	if len(enforced) == 0 {
		return "off"
	}
	sort.Strings(enforced)
	return "on for " + strings.Join(enforced, " ")
}

// codeIntegrity returns the state of App Control for programs. In Win32_DeviceGuard 0 is off, 1 audited, 2 enforced.
func (s *suite) codeIntegrity() string {
	if s.missing(needShell) != "" {
		return "unknown"
	}
	var list []struct{ UsermodeCodeIntegrityPolicyEnforcementStatus *int }
	err := s.shell("device-guard", `Get-CimInstance -Namespace root\Microsoft\Windows\DeviceGuard -ClassName Win32_DeviceGuard | `+
		`Select-Object UsermodeCodeIntegrityPolicyEnforcementStatus`, &list)
	if err != nil || len(list) == 0 || list[0].UsermodeCodeIntegrityPolicyEnforcementStatus == nil {
		return "unknown"
	}
	switch *list[0].UsermodeCodeIntegrityPolicyEnforcementStatus {
	case 0:
		return "off"
	case 1:
		return "audited"
	}
	return "enforced"
}

func (s *suite) installerFile() result {
	file, err := os.Open(s.msi)
	if err != nil {
		s.brokenInstaller = true
		return failed("the file of --msi", "%v", err)
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err == nil {
		err = checkComplete(file, size)
	}
	if err != nil {
		s.brokenInstaller = true
		return failed("the installer; download it again", "%v", err)
	}
	return ok("%d bytes, SHA-256 %s", size, hex.EncodeToString(hash.Sum(nil)))
}

// markOfTheWeb reads the alternate data stream that marks a downloaded file, for SmartScreen. It never fails.
func (s *suite) markOfTheWeb() result {
	b, err := os.ReadFile(s.msi + ":Zone.Identifier")
	if err != nil {
		return ok("none: Windows does not treat the file as downloaded")
	}
	for _, line := range strings.Fields(string(b)) {
		if strings.HasPrefix(line, "ZoneId=") {
			return ok("%s: Windows treats the file as downloaded", line)
		}
	}
	return ok("present, without a zone")
}

// signature judges a file's signature by PowerShell's Get-AuthenticodeSignature.
func (s *suite) signature(name, file string, mayBeUnsigned bool) result {
	var list []struct {
		Status  enum
		Subject string
	}
	err := s.shell(name, `Get-AuthenticodeSignature -LiteralPath `+quoteShell(file)+
		` | Select-Object Status,@{n='Subject';e={$_.SignerCertificate.Subject}}`, &list)
	if err != nil || len(list) == 0 {
		return failed(name+".txt in the zip", "PowerShell gives no answer: %v", err)
	}
	return judgeSignature(list[0].Status, list[0].Subject, mayBeUnsigned)
}

// judgeSignature compares with the values of System.Management.Automation.SignatureStatus.
func judgeSignature(state enum, subject string, mayBeUnsigned bool) result {
	switch {
	case state.is("0", "Valid"):
		return ok("valid, signed by %s", subject)
	case state.is("2", "NotSigned") && mayBeUnsigned:
		return ok("not signed: Windows shows a warning without a publisher")
	case state.is("2", "NotSigned"):
		return failed("the file's properties", "not signed")
	}
	return failed("the file's properties, Digital Signatures", "status %s, signed by %s", string(state), subject)
}

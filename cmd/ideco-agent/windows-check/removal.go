package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

var reportChecks = []check{
	{"diagnose", []*need{needInstalled}, (*suite).diagnose},
}

var removalChecks = []check{
	{"removal", []*need{needInstalled, needNoKeep}, (*suite).remove},
	{"nothing stays: files and registry", []*need{needNoKeep, needRemoved}, (*suite).filesLeft},
	{"nothing stays: interface, DNS rule and filters", []*need{needNoKeep, needRemoved, needShell}, func(s *suite) result { return s.nothingLeft("removal", "after the removal") }},
	{"nothing stays: scheduled tasks", []*need{needNoKeep, needRemoved, needShell}, (*suite).tasksLeft},
	{"no secrets collected", nil, (*suite).noSecrets},
}

// reportPath matches the path of the file in the output of diagnose.
var reportPath = regexp.MustCompile(`[A-Za-z]:\\\S.*?\.zip`)

// diagnose lets the agent make its file for support, and moves that file from the desktop into the zip. It also copies the
// service's log.
func (s *suite) diagnose() result {
	if b, err := os.ReadFile(s.directory() + `\service\service.log`); err == nil {
		_ = os.WriteFile(s.file("service.log"), b, 0o600) // after an error the zip has no service.log
	}
	out := s.run("diagnose", reportTimeout, s.program(), "diagnose")
	path := reportPath.FindString(out.text)
	if out.err != nil || out.code != 0 || path == "" {
		return failed("diagnose.txt in the zip", "exit code %d, %v: %s", out.code, out.err, firstLine(out.text))
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(s.file("diagnose.zip"), b, 0o600)
	}
	if err != nil {
		return failed(path, "%v", err)
	}
	if err := os.Remove(path); err != nil {
		return failed(path, "%v", err)
	}
	return ok("%d bytes", len(b))
}

func (s *suite) remove() result {
	s.proxied.kill()
	s.agent.kill()
	r, _ := s.msiexec("remove", "/x", s.msi, "/qn")
	s.removed = r.Status == statusOK
	return r
}

func (s *suite) filesLeft() result {
	var left []string
	if _, err := os.Stat(filepath.Dir(s.directory())); err == nil {
		left = append(left, "the directory "+filepath.Dir(s.directory()))
	}
	if _, err := os.Stat(s.startMenuLink()); err == nil {
		left = append(left, "the Start menu entry "+linkName)
	}
	for _, key := range []string{keyIdeco, keyService} {
		if s.registry(key, true) != nil {
			left = append(left, key)
		}
	}
	if s.registry(keyRun, false).key(keyRun).has("IdecoAgent") {
		left = append(left, "the autostart entry")
	}
	if n := len(s.products()); n > 0 {
		left = append(left, fmt.Sprintf("%d entries in the list of programs", n))
	}
	return okUnless(left, "remove.log in the zip", "no files, no registry keys, no service, no Start menu entry, no autostart")
}

func (s *suite) tasksLeft() result {
	var list []struct{ Name string }
	err := s.shell("tasks", `Get-ScheduledTask | Where-Object {"$($_.TaskName) $($_.Actions.Execute)" -like '*Ideco*'} | Select-Object @{n='Name';e={$_.TaskName}}`, &list)
	if err != nil {
		return failed("tasks.txt in the zip", "%v", err)
	}
	var left []string
	for _, one := range list {
		left = append(left, one.Name)
	}
	return okUnless(left, "Task Scheduler", "none")
}

// secretFields are fields of the agent's protocol that are secret.
var secretFields = regexp.MustCompile(`(?i)"?(private_?key|preshared_?key|resume|session_token)"?\s*[:=]\s*"?[A-Za-z0-9+/=_-]{20,}`)

// noSecrets looks for secrets in all collected files. When save writes the zip it removes the password in any case.
func (s *suite) noSecrets() result {
	var wrong []string
	for _, f := range s.collected() {
		if s.password != "" && hasPassword(f.content, s.password) {
			wrong = append(wrong, f.name+" has the password")
		}
		if secretFields.MatchString(decodeText(f.content)) {
			wrong = append(wrong, f.name+" has a key or a token")
		}
	}
	return okUnless(wrong, "these files; the password was removed from them, and a password that is a common word may have been there by chance", "no password, key or token")
}

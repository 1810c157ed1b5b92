package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/diagnose"
	"ideco-agent/agent/client/localcopy"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/logfile"
	"ideco-agent/agent/client/pipe"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/client/ticket"
	"ideco-agent/agent/client/window"
)

// window shows the window and stays until the person chooses Exit.
func (p program) window() int {
	o, err := parseWindowOptions(p.args)
	if err != nil {
		return p.showWrongArguments(err)
	}
	own := ownDir()
	log, err := logfile.Open(filepath.Join(own, "agent.log"))
	if err != nil {
		log, _ = logfile.Open(filepath.Join(os.TempDir(), "IdecoAgent.log")) // better than no log
	}
	defer log.Close()
	exe, _ := os.Executable()
	log.Log("Ideco agent " + agent.Version + ", " + exe)
	if localcopy.FromNetwork(exe) {
		if err = localcopy.Restart(own, agent.Version); err == nil {
			return exitOK
		}
		log.Log(err.Error())
	}
	return window.Run(p.windowProgram(o, own, log))
}

// showWrongArguments prints the error, or shows it in a message box when there is no standard error, as after a start from
// a shortcut.
func (p program) showWrongArguments(err error) int {
	if hasStream(windows.STD_ERROR_HANDLE) {
		return p.wrongArguments(err)
	}
	var text bytes.Buffer
	p.stderr = &text
	code := p.wrongArguments(err)
	window.Warn(p.text(locale.ProductName), text.String())
	return code
}

// programName is the program's name in texts.
const programName = "IdecoAgent.exe"

// showInBox shows a text in a message box, for when there is no standard output.
func (p program) showInBox(text string) { window.Inform(p.text(locale.ProductName), text) }

func (p program) windowProgram(o windowOptions, own string, log *logfile.File) window.Program {
	device, err := client.ThisDevice(own)
	if err != nil {
		log.Log(err.Error())
	}
	tickets := ticket.Own()
	return window.Program{
		Config: window.Config{
			Lang: p.lang, CommandLine: o.gateway, Registry: settings.ReadRegistry,
			Personal: settings.PersonalRegistry{}, Passwords: window.CredentialManager{},
			HasService: pipe.Installed,
			Service: func() session.Session {
				return pipe.NewRemote(pipe.RemoteConfig{Lang: p.lang, Log: log.Log, Tickets: tickets})
			},
			Traffic: vpnTraffic,
			Local:   session.Config{Device: device, Trust: client.OpenTrust(own), Log: log.Log, Tickets: tickets},
		},
		Hidden: o.hidden,
		Log:    window.LogFile{Path: log.Path(), Write: log.Log},
		Report: func() (string, error) {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
			defer cancel()
			return saveReport(ctx, p.lang, o.gateway, diagnose.Directories())
		},
	}
}

// ownDir returns the directory for the files of this person on this computer.
func ownDir() string {
	dir, err := os.UserCacheDir() // %LOCALAPPDATA%, which does not roam
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "Ideco", "Agent")
}

package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/pipe"
)

// stateDir makes the directory for what the service writes, with the permissions of Program Files.
func stateDir() (string, error) {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return "", fmt.Errorf("where the program lies: %w", err)
	}
	files, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0)
	if err == nil {
		files, err = filepath.EvalSymlinks(files)
	}
	if err != nil {
		return "", fmt.Errorf("where Program Files is: %w", err)
	}
	if !isBelow(program, files) {
		return "", errors.New("the program does not lie below Program Files: nothing is kept on the disk")
	}
	dir := filepath.Join(filepath.Dir(program), "service")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, nil
}

// device describes this computer.
func device(dir string, log func(string)) agent.Device {
	if dir == "" {
		return client.NewDevice()
	}
	d, err := client.ThisDevice(dir)
	if err != nil {
		log(err.Error())
	}
	return d
}

// restarts are what Windows does after the first, the second and every later failure.
var restarts = []mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: time.Second},
	{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 30 * time.Second},
}

const forgetFailures = 24 * 60 * 60 // seconds without one

// describe tells Windows what the service is for and what to do when it fails. The service does its work without, too.
func describe(log func(string)) {
	if err := tellManager(); err != nil {
		log("description and restarts of the service: " + err.Error())
	}
}

func tellManager() error {
	manager, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer manager.Disconnect()
	s, err := manager.OpenService(pipe.Service)
	if err != nil {
		return err
	}
	defer s.Close()
	text, err := windows.UTF16PtrFromString(locale.Text(systemLang(), locale.ServiceDescription))
	if err != nil {
		return err
	}
	description := windows.SERVICE_DESCRIPTION{Description: text}
	return errors.Join(
		windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&description))),
		s.SetRecoveryActions(restarts, forgetFailures),
		s.SetRecoveryActionsOnNonCrashFailures(true))
}

// systemLang is the language of this Windows.
func systemLang() locale.Lang {
	list, err := windows.GetSystemPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err == nil && len(list) > 0 && strings.HasPrefix(strings.ToLower(list[0]), "en") {
		return locale.English
	}
	return locale.Russian
}

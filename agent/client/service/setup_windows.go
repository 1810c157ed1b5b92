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

// stateDir creates the service's directory, with the permissions of Program Files.
func stateDir() (string, error) {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return "", fmt.Errorf("path of the program: %w", err)
	}
	programFiles, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0)
	if err == nil {
		programFiles, err = filepath.EvalSymlinks(programFiles)
	}
	if err != nil {
		return "", fmt.Errorf("path of Program Files: %w", err)
	}
	if !isBelow(program, programFiles) {
		return "", errors.New("the program is not below Program Files, so the service writes no files")
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

// restarts are the recovery actions after the first, the second and each later failure.
var restarts = []mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: time.Second},
	{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 30 * time.Second},
}

const resetPeriod = 24 * 60 * 60 // seconds without a failure, after which the next one counts as the first

// configure sets the service's path, description and recovery actions. Errors are only logged.
func configure(log func(string)) {
	manager, err := mgr.Connect()
	if err != nil {
		log("service manager: " + err.Error())
		return
	}
	defer manager.Disconnect()
	s, err := manager.OpenService(pipe.Service)
	if err != nil {
		log("this service: " + err.Error())
		return
	}
	defer s.Close()
	if err := quotePath(s); err != nil {
		log("path of this service: " + err.Error())
	}
	if err := setDescription(s); err != nil {
		log("description of this service: " + err.Error())
	}
	if err := s.SetRecoveryActions(restarts, resetPeriod); err != nil {
		log("restarts of this service: " + err.Error())
	}
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil { // not supported by Wine
		log("restarts of this service after exit codes: " + err.Error())
	}
}

// quotePath quotes the service's path. Otherwise Windows might start C:\Program.exe for a path in C:\Program Files.
func quotePath(s *mgr.Service) error {
	config, err := s.Config()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	rest := strings.TrimPrefix(config.BinaryPathName, program)
	if rest == config.BinaryPathName { // already quoted, or written differently
		return nil
	}
	path, err := windows.UTF16PtrFromString(`"` + program + `"` + rest)
	if err != nil {
		return err
	}
	return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, windows.SERVICE_NO_CHANGE, windows.SERVICE_NO_CHANGE,
		path, nil, nil, nil, nil, nil, nil)
}

// setDescription sets the description unless the installer has.
func setDescription(s *mgr.Service) error {
	if has, err := hasDescription(s); err != nil || has {
		return err
	}
	text, err := windows.UTF16PtrFromString(locale.Text(systemLang(), locale.ServiceDescription))
	if err != nil {
		return err
	}
	description := windows.SERVICE_DESCRIPTION{Description: text}
	return windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&description)))
}

// hasDescription queries the description only: Wine does not support all that s.Config queries.
func hasDescription(s *mgr.Service) (bool, error) {
	b := make([]byte, 8<<10) // the maximum
	var n uint32
	if err := windows.QueryServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DESCRIPTION, &b[0], uint32(len(b)), &n); err != nil {
		return false, err
	}
	return windows.UTF16PtrToString((*windows.SERVICE_DESCRIPTION)(unsafe.Pointer(&b[0])).Description) != "", nil
}

// systemLang returns the language of Windows.
func systemLang() locale.Lang {
	list, err := windows.GetSystemPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err == nil && len(list) > 0 && strings.HasPrefix(strings.ToLower(list[0]), "en") {
		return locale.English
	}
	return locale.Russian
}

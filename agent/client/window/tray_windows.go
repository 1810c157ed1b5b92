package window

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"

	"github.com/lxn/walk"
	"github.com/lxn/win"
	"golang.org/x/sys/windows"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
)

const maxNotice = 255 // UTF-16 units, a limit of Windows

// addTray creates the tray icon. When there is no notification area yet, as just after logging on to Windows, it is
// called again when one appears. Until then the window cannot be hidden.
func (v *frame) addTray() {
	if v.tray != nil || v.ended {
		return
	}
	tray, err := walk.NewNotifyIcon(v.mw)
	if err != nil {
		v.p.Log.Write("notification area: " + err.Error())
		return
	}
	v.tray, v.menu = tray, nil
	v.mw.useOldTrayMessages()
	tray.MouseUp().Attach(func(_, _ int, button walk.MouseButton) {
		if button == walk.LeftButton {
			v.show()
		}
	})
	tray.MessageClicked().Attach(v.show)
	if v.controller != nil {
		v.renderTray(v.controller.Content().Tray)
	}
}

func (v *frame) renderTray(t Tray) {
	if v.tray == nil {
		return
	}
	if icon := v.trayIcon(t.Icon); icon != nil {
		_ = v.tray.SetIcon(icon) // on an error the tooltip remains
	}
	_ = v.tray.SetToolTip(t.Tip)
	if !v.tray.Visible() {
		_ = v.tray.SetVisible(true)
	}
	if !reflect.DeepEqual(v.menu, t.Menu) {
		v.menu = t.Menu
		v.renderMenu()
	}
}

func (v *frame) renderMenu() {
	actions := v.tray.ContextMenu().Actions()
	_ = actions.Clear()
	for _, item := range v.menu {
		if item.Text == "" {
			_ = actions.Add(walk.NewSeparatorAction())
			continue
		}
		entry, do := walk.NewAction(), item.Action
		_ = entry.SetText(item.Text)
		_ = entry.SetEnabled(item.Enabled)
		_ = entry.SetDefault(do == ActionOpen)
		entry.Triggered().Attach(func() { v.do(do) })
		_ = actions.Add(entry)
	}
}

// notify shows a notification at the tray icon.
func (v *frame) notify(n Notification) {
	v.p.Log.Write("notification: " + n.Text)
	if v.tray == nil {
		return
	}
	title, text := v.text(locale.ProductName), shorten(n.Text, maxNotice)
	var err error
	if n.Icon == IconAttention {
		err = v.tray.ShowWarning(title, text)
	} else {
		err = v.tray.ShowInfo(title, text)
	}
	if err != nil {
		v.p.Log.Write("notification: " + err.Error())
	}
}

// do performs an action.
func (v *frame) do(a Action) {
	switch a {
	case ActionOpen:
		v.show()
	case ActionLogin:
		if missing := v.controller.Login(); missing != "" {
			v.show()
			v.render()
			v.focus(missing)
		}
	case ActionSSO:
		if missing := v.controller.LoginSSO(); missing != "" {
			v.show()
			v.render()
			v.focus(missing)
		}
	case ActionOpenChange:
		v.controller.OpenChange()
		v.show()
	case ActionCloseChange:
		v.controller.CloseChange()
	case ActionChange:
		if missing := v.controller.ChangePassword(); missing != "" {
			v.show()
			v.render()
			v.focus(missing)
		}
	case ActionLogout:
		v.controller.Logout()
	case ActionExtend:
		v.controller.Extend()
	case ActionEnd:
		v.controller.End()
	case ActionLog:
		v.openLog()
	case ActionReport:
		v.report()
	case ActionAbout:
		v.about()
	case ActionExit:
		v.exit()
	}
	if !v.ended {
		v.refresh()
	}
}

func (v *frame) openLog() {
	path := v.p.Log.Path
	_, err := os.Stat(path)
	if err == nil {
		err = open(path)
	}
	if err != nil {
		v.messageBox(locale.LogMissing, walk.MsgBoxIconWarning, "value", err.Error())
	}
}

// open opens a text file with its default program, or with Notepad when there is none.
func open(path string) error {
	verb, err := windows.UTF16PtrFromString("open")
	if err != nil {
		return err
	}
	file, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	if windows.ShellExecute(0, verb, file, nil, nil, windows.SW_SHOWNORMAL) == nil {
		return nil
	}
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return err
	}
	notepad := exec.Command(filepath.Join(dir, "notepad.exe"), path)
	if err := notepad.Start(); err != nil {
		return err
	}
	return notepad.Process.Release()
}

// report writes the file for support in the background: it takes a while, because it probes the gateway.
func (v *frame) report() {
	if v.p.Report == nil {
		return
	}
	v.notify(Notification{IconNone, v.text(locale.ReportMaking)})
	go func() {
		path, err := v.p.Report()
		v.mw.Synchronize(func() {
			if err != nil {
				v.messageBox(locale.ReportFailed, walk.MsgBoxIconWarning, "value", err.Error())
				return
			}
			v.messageBox(locale.ReportMade, walk.MsgBoxIconInformation, "value", path)
		})
	}()
}

func (v *frame) about() {
	server := v.controller.Server()
	if server == "" {
		server = "—"
	}
	v.messageBox(locale.AboutText, walk.MsgBoxIconInformation, "version", agent.Version, "server", server, "value", v.p.Log.Path)
}

// messageBox shows a message box and returns when it is closed.
func (v *frame) messageBox(key string, icon walk.MsgBoxStyle, values ...string) {
	walk.MsgBox(v.owner(), v.text(locale.ProductName), v.text(key, values...), walk.MsgBoxOK|icon|walk.MsgBoxSetForeground)
}

// owner returns the owner of message boxes. A box of a hidden window would not be seen.
func (v *frame) owner() walk.Form {
	if v.mw.Visible() {
		return v.mw
	}
	return nil
}

// exit asks for confirmation when there is access.
func (v *frame) exit() {
	if v.controller.HasAccess() {
		answer := walk.MsgBox(v.owner(), v.text(locale.ExitAskTitle), v.text(locale.ExitAsk),
			walk.MsgBoxYesNo|walk.MsgBoxIconQuestion|walk.MsgBoxSetForeground)
		if answer != walk.DlgCmdYes {
			return
		}
	}
	v.mw.SetVisible(false)
	v.end()
	win.PostQuitMessage(0) // ends the process, and with it the window
}

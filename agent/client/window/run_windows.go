package window

import (
	"context"
	"runtime"

	"github.com/lxn/walk"
	"golang.org/x/sys/windows"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/netwatch"
)

// Program configures Run.
type Program struct {
	Config         // Run sets Changed
	Hidden bool    // start with the tray icon only
	Log    LogFile // the menu opens it
	// Report writes the file for support and returns its path.
	Report func() (string, error)
}

// LogFile is the log file; an empty Path means that there is none.
type LogFile struct {
	Path  string
	Write func(text string)
}

// Run shows the window until the person chooses Exit or the Windows session ends, and returns the exit code. When the
// Windows session already has a window, Run shows it instead.
func Run(p Program) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.Config.Log = p.Log.Write
	first, showEvent, err := claimInstance()
	switch {
	case err != nil:
		p.Log.Write("check for another window: " + err.Error())
		messageBox(p, locale.AlreadyRuns)
		return 1
	case !first:
		return 0
	}
	v, err := newFrame(p)
	if err != nil {
		p.Log.Write("window: " + err.Error())
		messageBox(p, locale.WindowNotMade, "value", err.Error())
		return 1
	}
	v.prepareRestart(true)
	go watchShowEvent(showEvent, func() { v.mw.Synchronize(v.show) })
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go netwatch.Watch(ctx, netwatch.Config{Log: p.Log.Write, Changed: func() { v.mw.Synchronize(v.controller.NetworkChanged) }})
	code := v.mw.Run()
	v.end()
	return code
}

// prepareRestart registers with Windows how to restart the program after an update.
func (v *frame) prepareRestart(hidden bool) {
	v.restartsHidden = hidden
	if err := registerRestart(hidden); err != nil {
		v.p.Log.Write("start after an update: " + err.Error())
	}
}

func messageBox(p Program, key string, values ...string) {
	Warn(locale.Text(p.Lang, locale.ProductName), locale.Text(p.Lang, key, values...))
}

// Warn shows a warning and returns when it is closed.
func Warn(title, text string) { box(title, text, windows.MB_ICONWARNING) }

// Inform shows an information and returns when it is closed.
func Inform(title, text string) { box(title, text, windows.MB_ICONINFORMATION) }

func box(title, text string, icon uint32) {
	t, err := windows.UTF16PtrFromString(title)
	if err != nil {
		return
	}
	s, err := windows.UTF16PtrFromString(text)
	if err != nil {
		return
	}
	_, _ = windows.MessageBox(0, s, t, windows.MB_OK|icon|windows.MB_SETFOREGROUND) // an error cannot be shown
}

// newFrame creates the window and the icon, and shows the window unless Hidden.
func newFrame(p Program) (*frame, error) {
	v := &frame{p: p}
	p.Config.Changed = func() { v.mw.Synchronize(v.refresh) }
	v.p = p
	if err := v.create(); err != nil {
		return nil, err
	}
	v.shown.Form = true // as created
	v.fit()
	v.addTray()
	v.controller = Open(v.p.Config, !p.Hidden || v.tray == nil)
	v.render()
	v.listen()
	if !p.Hidden || v.tray == nil {
		v.show()
	}
	return v, nil
}

// frame is the window and its tray icon. It is used on the window's thread only.
type frame struct {
	p          Program
	controller *Controller
	mw         *window

	form, table, extension, buttons       *walk.Composite
	login, password, address, newPassword *walk.LineEdit
	addressHint, status, who, notes       *walk.TextLabel
	rows                                  [maxRows]struct{ label, text *walk.Label }
	save, auto                            *walk.CheckBox
	main, extend, toggle, sso             *walk.PushButton
	logo, statusIcon                      *walk.ImageView

	change                              *walk.Composite // the form that changes the password
	current, replacement, repeat        *walk.LineEdit
	currentLabel, newLabel, repeatLabel *walk.TextLabel

	tray          *walk.NotifyIcon // nil while there is no notification area
	menu          []Item           // as shown
	icons         map[picture]*walk.Icon
	shown         Content
	rendering     bool // the program is changing the controls: ignore their events
	trayExplained bool // the notification StaysInTray was shown
	ended         bool
	showsTraffic  bool // the timer runs
	widest        int  // width of the form, in pixels at 96 DPI
	enterGuard    enterGuard

	restartsHidden bool // as last registered by prepareRestart
}

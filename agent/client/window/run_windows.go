package window

import (
	"context"
	"runtime"

	"github.com/lxn/walk"
	"golang.org/x/sys/windows"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/netwatch"
)

// Program is what Run shows.
type Program struct {
	Config         // Changed is Run's to set
	Hidden bool    // begin in the notification area
	Log    Journal // that the menu opens
	// Report writes the file for support and gives its path.
	Report func() (string, error)
}

// Journal is a log and the file that it is in; without a path there is none.
type Journal struct {
	Path  string
	Write func(text string)
}

// Run shows the window until the person chooses Exit or Windows ends the session, and gives the exit code. There is one
// window in a Windows session: when it is there already, it comes to the front instead.
func Run(p Program) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.Config.Log = p.Log.Write
	first, shows, err := claim()
	switch {
	case err != nil:
		p.Log.Write("one window in a session: " + err.Error())
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
	v.prepareReturn(true)
	go watchShows(shows, func() { v.mw.Synchronize(v.show) })
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go netwatch.Watch(ctx, netwatch.Config{Log: p.Log.Write, Changed: func() { v.mw.Synchronize(v.controller.Nudge) }})
	code := v.mw.Run()
	v.end()
	return code
}

// prepareReturn tells Windows how to start the program again after an update.
func (v *frame) prepareReturn(hidden bool) {
	v.returnsHidden = hidden
	if err := returnsAfterUpdate(hidden); err != nil {
		v.p.Log.Write("start after an update: " + err.Error())
	}
}

func messageBox(p Program, key string, values ...string) {
	Warn(locale.Text(p.Lang, locale.ProductName), locale.Text(p.Lang, key, values...))
}

// Warn shows a message and waits until the person has read it.
func Warn(title, text string) { box(title, text, windows.MB_ICONWARNING) }

// Inform does the same with what is no reason to worry.
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
	_, _ = windows.MessageBox(0, s, t, windows.MB_OK|icon|windows.MB_SETFOREGROUND) // which is all there is to do
}

// newFrame makes everything and shows it, unless the program begins hidden.
func newFrame(p Program) (*frame, error) {
	v := &frame{p: p}
	p.Config.Changed = func() { v.mw.Synchronize(v.refresh) }
	v.p = p
	if err := v.create(); err != nil {
		return nil, err
	}
	v.shown.Form = true // as it was made
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

// frame is the window and its icon. All of it belongs to the window's thread.
type frame struct {
	p          Program
	controller *Controller
	mw         *window

	form, table, extension, buttons       *walk.Composite
	login, password, address, newPassword *walk.LineEdit
	addressHint, status, who, notes       *walk.TextLabel
	rows                                  [maxRows]struct{ label, text *walk.Label }
	save, auto                            *walk.CheckBox
	main, extend                          *walk.PushButton
	logo, statusIcon                      *walk.ImageView

	tray       *walk.NotifyIcon // nil while there is no notification area
	menu       []Item           // on show
	icons      map[picture]*walk.Icon
	shown      Content
	rendering  bool // what the fields tell is the program's own doing
	toldOfTray bool // that the program stays there
	ended      bool
	counting   bool // the timer runs
	widest     int  // of the form, in pixels of a screen with 96 dots per inch
	enterGuard enterGuard

	returnsHidden bool // as Windows was told
}

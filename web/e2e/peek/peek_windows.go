// Command peek writes the windows of this desktop into a file, as a JSON array, so that a test can read what a person
// sees:
//
//	peek FILE [TITLE]
//
// The file is replaced atomically. With TITLE it first closes the windows with that title, as the Restart Manager of
// Windows does for an installer; Wine has no Restart Manager that does.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Window is a top-level window or a control in one.
type Window struct {
	Class    string   `json:"class"`
	Text     string   `json:"text"`
	Visible  bool     `json:"visible"`
	Enabled  bool     `json:"enabled"`
	Checked  bool     `json:"checked"`
	Focused  bool     `json:"focused"`
	Place    [4]int32 `json:"place"` // left, top, right, bottom on the desktop
	Controls []Window `json:"controls,omitempty"`
}

var (
	user32           = windows.NewLazySystemDLL("user32.dll")
	enumWindows      = user32.NewProc("EnumWindows")
	enumChildWindows = user32.NewProc("EnumChildWindows")
	getClassName     = user32.NewProc("GetClassNameW")
	isWindowVisible  = user32.NewProc("IsWindowVisible")
	isWindowEnabled  = user32.NewProc("IsWindowEnabled")
	sendMessage      = user32.NewProc("SendMessageTimeoutW")
	getThreadID      = user32.NewProc("GetWindowThreadProcessId")
	getWindowRect    = user32.NewProc("GetWindowRect")
	getGUIThreadInfo = user32.NewProc("GetGUIThreadInfo")
	eachWindow       = syscall.NewCallback(func(handle, list uintptr) uintptr { add(handle); return 1 })
	found            []uintptr
)

const (
	wmGetText         = 0x000d
	wmGetTextLength   = 0x000e
	wmQueryEndSession = 0x0011
	wmEndSession      = 0x0016
	closeApp          = 1 // ENDSESSION_CLOSEAPP: not the session ends, but an installer needs the program closed
	bmGetCheck        = 0x00f0
	abortIfHung       = 2
	patience          = 2000 // milliseconds
)

func add(handle uintptr) { found = append(found, handle) }

func main() {
	switch len(os.Args) {
	case 2:
	case 3:
		end(os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: peek FILE [TITLE]")
		os.Exit(2)
	}
	if err := write(os.Args[1], look()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// end closes the windows with a title.
func end(title string) {
	for _, top := range children(0) {
		if text(top) == title && ask(top, wmQueryEndSession, 0, closeApp) != 0 {
			ask(top, wmEndSession, 1, closeApp)
		}
	}
}

func look() []Window {
	all := []Window{}
	for _, top := range children(0) {
		w := read(top, 0)
		focus := focusOf(top)
		for _, control := range children(top) {
			w.Controls = append(w.Controls, read(control, focus))
		}
		all = append(all, w)
	}
	return all
}

func write(file string, all []Window) error {
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// children returns the controls of a window, or for 0 all top-level windows.
func children(parent uintptr) []uintptr {
	found = nil
	if parent == 0 {
		enumWindows.Call(eachWindow, 0)
	} else {
		enumChildWindows.Call(parent, eachWindow, 0)
	}
	return found
}

func read(handle, focus uintptr) Window {
	w := Window{Class: className(handle), Text: text(handle), Visible: is(isWindowVisible, handle),
		Enabled: is(isWindowEnabled, handle), Checked: ask(handle, bmGetCheck, 0, 0) == 1, Focused: handle == focus}
	getWindowRect.Call(handle, uintptr(unsafe.Pointer(&w.Place)))
	return w
}

func is(what *windows.LazyProc, handle uintptr) bool {
	yes, _, _ := what.Call(handle)
	return yes != 0
}

func className(handle uintptr) string {
	var b [256]uint16
	getClassName.Call(handle, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return windows.UTF16ToString(b[:])
}

// text returns a control's text. GetWindowText does not work for controls of other processes.
func text(handle uintptr) string {
	b := make([]uint16, ask(handle, wmGetTextLength, 0, 0)+1)
	ask(handle, wmGetText, uintptr(len(b)), uintptr(unsafe.Pointer(&b[0])))
	return windows.UTF16ToString(b)
}

// ask sends a message, with a timeout, and returns the answer.
func ask(handle, message, w, l uintptr) (answer uintptr) {
	sendMessage.Call(handle, message, w, l, abortIfHung, patience, uintptr(unsafe.Pointer(&answer)))
	return answer
}

// focusOf returns the control with the focus in a window.
func focusOf(top uintptr) uintptr {
	var info struct {
		size, flags                                        uint32
		active, focus, capture, menuOwner, moveSize, caret uintptr
		caretRect                                          [4]int32
	}
	info.size = uint32(unsafe.Sizeof(info))
	thread, _, _ := getThreadID.Call(top, 0)
	getGUIThreadInfo.Call(thread, uintptr(unsafe.Pointer(&info)))
	return info.focus
}

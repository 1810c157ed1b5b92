// Command window is an agent window without a display: it starts a session in the Windows service, runs the commands
// from standard input, and prints each status as a line of JSON. At the end of the input it exits like a window.
//
//	{"do":"login","login":"ivanov","password":"…"}   or knock, extend, logout, end
//
// Tests build it for Windows with Go 1.20.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/pipe"
	"ideco-agent/agent/client/session"
)

type wish struct {
	Do       string `json:"do"`
	Login    string `json:"login"`
	Password string `json:"password"`
}

func main() {
	w := pipe.NewRemote(pipe.RemoteConfig{Lang: locale.Russian, Log: func(text string) { fmt.Fprintln(os.Stderr, text) }})
	changed, leave := w.Watch()
	go func() {
		defer leave()
		out := json.NewEncoder(os.Stdout)
		for {
			_ = out.Encode(w.Status())
			<-changed
		}
	}()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var wish wish
		if err := json.Unmarshal(in.Bytes(), &wish); err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		does(w, wish)
	}
	w.Close()
}

func does(s session.Session, w wish) {
	switch w.Do {
	case "knock":
		s.Probe()
	case "login":
		s.Login(w.Login, w.Password)
	case "extend":
		s.Extend(w.Password)
	case "logout":
		s.Logout()
	case "end":
		s.End()
	}
}

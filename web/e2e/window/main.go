// Command window is a window of the agent program that shows nothing: it starts a session in the Windows service, does what each
// line of standard input says, and prints what a window would show, one JSON object a line. The end of the input is Exit.
//
//	{"do":"login","login":"ivanov","password":"…"}   or knock, extend, logout, end
//
// It is built for Windows by the tests that need it, and with Go 1.20.
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

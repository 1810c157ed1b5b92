package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logKeys are all keys of the gateway's log, besides time, level and msg.
var logKeys = map[string]string{
	"error":  "what went wrong",
	"event":  "name of an event that somebody may search for",
	"reason": "why a session ended, or why something is as it is",
	"why":    "reason of a refusal",
	"code":   "agent.Code of a refusal",
	"cause":  "of a refused ticket, of an end, or of an order that failed",
	"ref":    "number that the person was told",

	"peer":           "address that somebody comes from",
	"origin":         "what kind of place that is",
	"by":             "login of the administrator or user who did it, with the directory unless the account is local",
	"account":        "login that it concerns",
	"user":           "number of that account",
	"session":        "session that it concerns",
	"kind":           "kind of that session",
	"address":        "address of that session",
	"device":         "device of that session",
	"mac":            "MAC of the computer of that session",
	"former_mac":     "MAC that it had before",
	"further":        "address that the session has got as well",
	"holder":         "session that has what was wanted",
	"holder_account": "login of that session",
	"left_out":       "similar lines that were left out since the last one",

	"bytes":         "size of a file",
	"ca":            "directory of the certificate authority",
	"directory":     "name of a directory on the network",
	"controller":    "host and port of one of its controllers",
	"domain":        "the gateway's domain",
	"name":          "name or address of the gateway that a certificate is for",
	"source":        "where a certificate is from: uploaded, acme or own_root",
	"ends":          "when a certificate ends",
	"order":         "agent.OrderState: why no ordered certificate follows one that ends",
	"detail":        "words of a CA, or the issuer of a certificate",
	"certificate":   "number of an uploaded certificate",
	"of":            "how many sessions there are",
	"missing":       "configured groups and bases that a directory does not have",
	"enabled":       "whether the agent or the account is on",
	"admin":         "whether the account is an administrator, or a group makes administrators",
	"remote_access": "whether the account may connect from outside",
	"group":         "name of a group",
	"journal_days":  "setting",
	"journal_mb":    "setting",
	"sessions":      "how many sessions",
	"accounts":      "several accounts, or how many",
	"act":           "what was done to several accounts",
	"acts":          "how many acts of the journal of acts",
	"objects":       "names of what those acts concern",
	"new":           "how many of the accounts are new",
	"format":        "of a downloaded file: csv, xlsx or json",
	"rule":          "number of a rule that authorises an address",
	"method":        "of a request, or by which a CA checks a name",
	"path":          "route of a request",

	"lan":        "interfaces of the LAN",
	"wan":        "interfaces that lead to the Internet",
	"interface":  "network interface of the tunnel",
	"interfaces": "chosen interfaces",
	"elements":   "how many elements of the firewall's sets",
	"addresses":  "how many addresses",
	"table":      "table of the firewall",
	"chain":      "chain of the firewall",

	"tunnel":  "mode or interface of the tunnel",
	"mode":    "how the tunnel runs; mode of a file",
	"network": "the VPN network",
	"before":  "the VPN network before",
	"port":    "UDP port of the tunnel",
	"key":     "public key of a peer of the tunnel",
	"message": "text of wireguard-go",

	"parts":    "what does not answer",
	"version":  "of the program",
	"portal":   "where the portal listens",
	"agents":   "where the agent endpoint listens",
	"http":     "where plain HTTP listens",
	"firewall": "mode of the firewall",
	"file":     "file of the data directory",
	"change":   "how to replace the secret in it",
}

// TestLogKeys: a thing has the same key in all log lines.
func TestLogKeys(t *testing.T) {
	used := map[string]bool{}
	for _, root := range []string{"../agent", "../handlers", "../web", "../cmd/ideco-portal"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			f, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				for _, key := range keysOf(n) {
					name := "an expression"
					if literal, ok := key.(*ast.BasicLit); ok {
						name, _ = strconv.Unquote(literal.Value)
					}
					if used[name] = true; logKeys[name] == "" {
						t.Errorf("%s: %s is not in the list of keys", files.Position(key.Pos()), name)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(logKeys)) {
		if !used[name] {
			t.Errorf("nothing is logged under %q", name)
		}
	}
}

// Index of the first key in the arguments of log methods, and of our functions that pass them on.
var (
	slogCalls = map[string]int{"With": 0, "Debug": 1, "Info": 1, "Warn": 1, "Error": 1,
		"DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2, "Log": 3}
	ownCalls = map[string]int{"event": 2, "securityEvent": 2, "act": 2, "updateSettings": 3, "changeSettings": 3, "finish": 2, "warn": 3}
)

// keysOf returns the keys in a call that logs, or in a list for such a call.
func keysOf(n ast.Node) (keys []ast.Expr) {
	var list []ast.Expr
	switch n := n.(type) {
	case *ast.CompositeLit: // []any{"key", value}
		if a, ok := n.Type.(*ast.ArrayType); ok && len(n.Elts) > 1 && isIdent(a.Elt, "any") && isString(n.Elts[0]) {
			list = n.Elts
		}
	case *ast.CallExpr:
		list = n.Args
		from := len(list)
		switch f := n.Fun.(type) {
		case *ast.Ident: // append(attrs, "key", value)
			if f.Name == "append" && isIdent(list[0], "attrs") {
				from = 1
			}
		case *ast.SelectorExpr:
			if i, ok := slogCalls[f.Sel.Name]; ok && isLog(f.X) {
				from = i
			} else if i, ok := ownCalls[f.Sel.Name]; ok {
				from = i
			}
		}
		if n.Ellipsis.IsValid() {
			list = list[:len(list)-1]
		}
		list = list[min(from, len(list)):]
	}
	for i := 0; i < len(list); i += 2 {
		keys = append(keys, list[i])
	}
	return keys
}

// isLog reports whether an expression is a logger, by its name.
func isLog(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log") || x.Name == "slog"
	case *ast.SelectorExpr:
		return isLog(x.Sel)
	case *ast.CallExpr:
		f, ok := x.Fun.(*ast.SelectorExpr)
		return ok && f.Sel.Name == "With" && isLog(f.X)
	}
	return false
}

func isIdent(x ast.Expr, name string) bool {
	i, ok := x.(*ast.Ident)
	return ok && i.Name == name
}

func isString(x ast.Expr) bool {
	l, ok := x.(*ast.BasicLit)
	return ok && l.Kind == token.STRING
}

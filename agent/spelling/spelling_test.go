package spelling

import (
	"sync"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Two spellings of «андрей»: with one code point for «й», and with two.
const (
	composed   = "андре\u0439"
	decomposed = "андре\u0438\u0306"
)

func TestLogin(t *testing.T) {
	for _, same := range [][]string{
		{composed, decomposed, " АНДРЕ\u0418\u0306 ", "Андрей"},
		{"ivan", "IVAN", "\uff29\uff36\uff21\uff2e"}, // full width
		{"rené", "rene\u0301", "RENÉ"},
		{"иван " + composed, "ИВАН " + decomposed}, // refused for the space
		{"☺" + composed, "☺" + decomposed},         // refused for the symbol
		{"tải", "ta\u0309i"},
		{"", " \t"},
		{"a\xff", "A\xff"},
	} {
		for _, one := range same {
			if Login(one) != Login(same[0]) {
				t.Errorf("%+q: %+q, want %+q", one, Login(one), Login(same[0]))
			}
		}
	}
	for _, different := range [][2]string{{composed, "андреи"}, {"иван", "ivan"}, {"еж", "ёж"}, {"a b", "ab"}, {"o", "0"}} {
		if Login(different[0]) == Login(different[1]) {
			t.Errorf("%q and %q are equal", different[0], different[1])
		}
	}
}

func TestPassword(t *testing.T) {
	for _, same := range [][]string{
		{"Пароль-" + composed, "Пароль-" + decomposed},
		{"два слова", "два\u00a0слова", "два\u3000слова"},
		{"caf\u00e9 12345", "cafe\u0301 12345"},
		{"ÅÅÅÅÅÅÅÅ", "A\u030aA\u030aA\u030aA\u030aA\u030aA\u030aA\u030aA\u030a", "ÅÅÅÅÅÅÅÅ"},
	} {
		for _, one := range same {
			if Password(one) != Password(same[0]) {
				t.Errorf("%+q: %+q, want %+q", one, Password(one), Password(same[0]))
			}
		}
	}
	for _, kept := range []string{"tab\t" + decomposed, " spaces ", "CaseMatters", "p\xff", "ﬁ", ""} {
		if got := Password(kept); got != kept {
			t.Errorf("%+q became %+q", kept, got)
		}
	}
}

// TestConcurrentUse fails under -race if the profiles keep state.
func TestConcurrentUse(t *testing.T) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				if Login("АНДРЕ\u0418\u0306") != composed || Password("Андре\u0438\u0306\u00a01") != "Андрей 1" {
					t.Error("a wrong result")
				}
			}
		})
	}
	group.Wait()
}

// FuzzSpelling checks that canonically equal logins are equal, and that valid text stays valid.
func FuzzSpelling(f *testing.F) {
	for _, s := range []string{"", " ", composed, decomposed, "\uff29 \u200d", "0\u0130", "İstanbul", "a\xffb", "\u0344", "שלום1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		login, password := Login(s), Password(s)
		if decomposed := norm.NFD.String(s); utf8.ValidString(s) && Login(decomposed) != login {
			t.Errorf("%+q is %+q, and decomposed %+q", s, login, Login(decomposed))
		}
		if utf8.ValidString(s) && !(utf8.ValidString(login) && utf8.ValidString(password)) {
			t.Errorf("%+q became invalid", s)
		}
	})
}

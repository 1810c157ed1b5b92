package agent

import (
	"fmt"
	"reflect"
	"testing"
)

func TestKeepFormerDomain(t *testing.T) {
	var s Settings
	for _, c := range []struct {
		domain string
		former []string
	}{
		{"a.ru", nil},
		{"a.ru", nil},
		{"b.ru", []string{"a.ru"}},
		{"203.0.113.7", []string{"b.ru", "a.ru"}},
		{"a.ru", []string{"203.0.113.7", "b.ru"}},
		{"", []string{"a.ru", "203.0.113.7", "b.ru"}},
		{"b.ru", []string{"a.ru", "203.0.113.7"}},
	} {
		before := s.Domain
		s.Domain = c.domain
		s.KeepFormerDomain(before)
		if !reflect.DeepEqual(s.FormerDomains, c.former) {
			t.Errorf("%q after %q: former %q, want %q", c.domain, before, s.FormerDomains, c.former)
		}
		for _, host := range append(c.former, "", c.domain) {
			if s.HasDomain(host) != (host != "") {
				t.Errorf("%q: HasDomain(%q) is wrong", c.domain, host)
			}
		}
	}
}

// TestTooManyFormerDomains: the save that would make one too many is refused at the field of the domain.
func TestTooManyFormerDomains(t *testing.T) {
	s := DefaultSettings()
	for i := 0; i <= MaxFormerDomains; i++ {
		before := s.Domain
		s.Domain = fmt.Sprintf("d%d.ru", i)
		s.KeepFormerDomain(before)
		if p := s.Check(); len(p) != 0 {
			t.Fatalf("%d: %v", i, p)
		}
	}
	before := s.Domain
	s.Domain = "last.ru"
	s.KeepFormerDomain(before)
	if p := s.Check(); len(p) != 1 || p[0].Field != "auth_domain" || p[0].Code != "field_too_many_domains" {
		t.Errorf("%v", p)
	}
}

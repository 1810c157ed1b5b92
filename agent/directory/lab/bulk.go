//go:build linux

package lab

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// AddUsers is AddPeople with Password.
func (ad *AD) AddUsers(tb testing.TB, unit string, n int) (dns []string) {
	tb.Helper()
	dns = ad.AddPeople(tb, unit, n)
	// Samba would need twenty seconds for the keys of 300 passwords, so the stored hash of alice is copied.
	out, err := exec.Command("ldbsearch", "-H", filepath.Join(sambaDir, "private", partition), "-b", ad.PersonDN("alice"), "-s", "base", "unicodePwd").Output()
	_, hash, found := strings.Cut(strings.ReplaceAll(string(out), "\n ", ""), "\nunicodePwd:: ")
	if hash, _, _ = strings.Cut(hash, "\n"); err != nil || !found {
		tb.Fatalf("ldbsearch: %v\n%s", err, out)
	}
	var b strings.Builder
	for _, dn := range dns {
		fmt.Fprintf(&b, "dn: %s\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 512\n-\nreplace: pwdLastSet\npwdLastSet: %d\n-\nreplace: unicodePwd\nunicodePwd:: %s\n\n",
			dn, fileTime(time.Now()), hash)
	}
	if err := ldbmodify(partition, b.String()); err != nil {
		tb.Fatal(err)
	}
	return dns
}

// AddPeople creates a unit with people p0001, p0002 and so on, who have no password, and returns their DNs. The logins start with the
// name of the unit: OU=Bulk,DC=example,DC=test has bulk-p0001. A thousand people take about two seconds.
func (ad *AD) AddPeople(tb testing.TB, unit string, n int) (dns []string) {
	tb.Helper()
	changes := []string{fmt.Sprintf("dn: OU=%s,%s\nchangetype: add\nobjectClass: organizationalUnit\n\n", unit, BaseDN)}
	for i := range n {
		dn := fmt.Sprintf("CN=p%04d,OU=%s,%s", i+1, unit, BaseDN)
		login := fmt.Sprintf("%s-p%04d", strings.ToLower(unit), i+1)
		changes = append(changes, fmt.Sprintf("dn: %s\nchangetype: add\nobjectClass: user\nsAMAccountName: %s\nuserPrincipalName: %s@%s\nmail: %s@%s\n\n",
			dn, login, login, Domain, login, Domain))
		dns = append(dns, dn)
	}
	// Samba needs more time for each entry of a long transaction.
	for some := range slices.Chunk(changes, 200) {
		if err := ldbmodify("sam.ldb", strings.Join(some, "")); err != nil {
			tb.Fatal(err)
		}
	}
	return dns
}

// AddGroup creates a group in OU=Groups and returns its DN.
func (ad *AD) AddGroup(tb testing.TB, name string, members ...string) string {
	tb.Helper()
	dn := ad.GroupDN(name)
	if err := ldbmodify("sam.ldb", groupLDIF(dn, name, members)); err != nil {
		tb.Fatal(err)
	}
	return dn
}

func groupLDIF(dn, name string, members []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nchangetype: add\nobjectClass: group\nsAMAccountName: %s\n", dn, name)
	for _, m := range members {
		fmt.Fprintf(&b, "member: %s\n", m)
	}
	return b.String() + "\n"
}

// AddChain creates n groups of which the first contains a person and each other one contains the one before. It returns their
// DNs.
func (ad *AD) AddChain(tb testing.TB, person string, n int) (dns []string) {
	tb.Helper()
	var b strings.Builder
	for i := range n {
		name := fmt.Sprintf("chain-%04d", i+1)
		b.WriteString(groupLDIF(ad.GroupDN(name), name, []string{person}))
		person = ad.GroupDN(name)
		dns = append(dns, person)
	}
	if err := ldbmodify("sam.ldb", b.String()); err != nil {
		tb.Fatal(err)
	}
	return dns
}

//go:build ad && browser

package e2e

import (
	"strconv"
	"testing"
	"time"

	directorylab "ideco-agent/agent/directory/lab"
)

// TestPasswordADInChromium: somebody whose password of the domain must be changed sets a new one on the sign-in page. The cabinet
// says when it expires, and changes it again. The administrator adds a group of the domain and sees who is in it.
func TestPasswordADInChromium(t *testing.T) {
	const next, last = "Corr3ct-Horse-Battery!", "An0ther-Horse-Battery!"
	o := newOfficeAD(t)
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{}}, nil)
	days := func(n int) string { return strconv.FormatInt(-int64(time.Duration(n)*24*time.Hour/100), 10) }
	o.ad.Set(t, directorylab.BaseDN, "minPwdAge", "0")
	o.ad.Set(t, directorylab.BaseDN, "maxPwdAge", days(10))
	o.ad.Set(t, o.ad.PersonDN("alice"), "pwdLastSet", "0")

	b := o.chromium(t)
	b.logsIn("alice", directorylab.Password)
	b.sees("h1", "Новый пароль")
	b.sees(".banner", "Перед входом пароль нужно сменить")
	b.pictures("login-change")
	b.types("password", directorylab.Password)
	b.types("psw", "simple")
	b.types("psw2", "simple")
	b.click("main form button[type=submit]")
	b.sees("#psw-note", "Новый пароль не принят")
	b.pictures("login-change-rejected")
	b.types("password", directorylab.Password)
	b.types("psw", next)
	b.types("psw2", next)
	b.click("main form button[type=submit]")
	b.sees(".banner.ok", "Win+L")
	b.pictures("cabinet-password-changed")
	b.open("/cabinet")
	b.sees(".banner.warn", "Пароль истечёт через 9 дней")
	b.pictures("cabinet-password-expires")
	b.types("current", next)
	b.types("psw", directorylab.Password)
	b.types("psw2", directorylab.Password)
	b.click(`form[action="/cabinet/password"] button[type=submit]`)
	b.sees("#psw-note", "отличается от")
	b.pictures("cabinet-password-rejected")
	b.types("current", next)
	b.types("psw", last)
	b.types("psw2", last)
	b.click(`form[action="/cabinet/password"] button[type=submit]`)
	b.sees(".banner.ok", "Пароль изменён")
	b.logsOut()

	b.types("login", "boss")
	b.types("password", adminPassword)
	b.click("main form button[type=submit]")
	b.sees("h1", "Обзор")
	b.open("/admin/groups/directory")
	b.types("group_text", "Staff")
	b.click("main form button[type=submit]")
	b.sees("main", "CN=Staff")
	b.pictures("group-directory-found")
	b.click("#found button")
	b.sees("main", "Состав группы берётся из группы")
	b.pictures("group-directory-new")
	b.click("main form .button.primary")
	b.sees(".toast", "Группа добавлена")
	b.pictures("groups-directory")
	b.open("/admin/directories")
	b.click(".table a")
	b.sees("[aria-labelledby=sso-title]", "Keytab не загружен")
	b.click("#directory details.unfold summary")
	b.sees("#directory", "Смена пароля через шлюз")
	b.pictures("directory-password")
	b.click("#test")
	b.sees("#report", "Смена пароля")
	b.pictures("directory-steps")
}

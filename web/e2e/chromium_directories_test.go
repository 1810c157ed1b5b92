//go:build browser

package e2e

import "testing"

// TestDirectoriesInChromium: buttons and fields outside the form belong to it, the browser sends it with a file field, and a
// password that was typed for a test need not be typed again to save.
func TestDirectoriesInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)

	b.open("/admin/directories")
	b.sees(".empty", "Здесь будут каталоги")
	b.pictures("directories-empty")
	b.click(".empty .button")
	b.sees("h1", "Новый каталог")
	b.types("name", "company.test")
	b.types("user", "ideco@company.test")
	b.types("password", "the secret of the search account")
	b.click("#directory details.unfold summary")
	b.types("controllers", "127.0.0.1:1")
	b.types("test_login", "petrova")
	b.click(`[formaction$="/test#report"]`)
	b.sees("#report", "Поиск контроллеров")
	b.sees("#report", "Пока не работает")
	b.sees("#password-note", "Пароль введён и ждёт сохранения 15 минут")
	b.pictures("directory-test")
	b.types("group_text", "VPN")
	b.click(`[formaction$="/groups#groups"]`)
	b.sees("#groups .banner", "Каталог не ответил")
	b.click("#directory .button.primary")
	b.sees(".toast", "Изменения сохранены")
	b.sees(".table", "company.test")
	b.pictures("directories")
	b.click(".table a")
	b.sees("#password-note", "Пароль сохранён")
	b.click(`form[action$="/delete"] button`)
	b.sees(".question h1", "Удалить каталог company.test?")
	b.click(".question button.danger")
	b.sees(".empty", "Здесь будут каталоги")
}

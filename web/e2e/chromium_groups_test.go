//go:build browser

package e2e

import (
	"strconv"
	"strings"
	"testing"
)

// TestGroupsInChromium: groups are made, ordered and deleted with the mouse, and the page of an account shows what it inherits.
func TestGroupsInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)

	b.open("/admin/groups")
	b.sees(".empty", "Здесь будут группы")
	b.pictures("groups-empty")
	b.click(".empty .button")
	b.sees("h1", "Новая группа")
	b.pictures("group-new")
	b.types("name", "Центральный офис")
	b.click("#remote_access_1")
	b.types("devices_per_user", "0")
	b.click("main form .button.primary")
	b.sees("#devices_per_user-note", "Введите целое число от 1 до 100")
	b.pictures("group-refused")
	b.types("devices_per_user", "3")
	b.click("main form .button.primary")
	b.sees(".toast", "Группа добавлена")

	admin := g.rest("boss", adminPassword)
	group := func(fields map[string]any) (id int64) {
		var answer struct{ ID int64 }
		admin.must("POST", "/user_backend/groups", fields, &answer)
		return answer.ID
	}
	accounting := group(map[string]any{"name": "Бухгалтерия и расчётный отдел", "parent_id": 1, "session_hours_vpn": 4, "forward_nets": []string{"10.0.0.0/8", "192.168.0.0/16"}})
	group(map[string]any{"name": "Администраторы сети", "parent_id": 1, "admin": true})
	group(map[string]any{"name": "Удалённые кассы", "parent_id": accounting, "remote_access": false, "devices_per_user": 1})
	group(map[string]any{"name": "Подрядчики", "forward_nets": []string{}, "session_hours_lan": 8})
	for i := range 12 {
		admin.user(map[string]any{"login": "buh" + strconv.Itoa(i), "name": "Сотрудница Номер " + strconv.Itoa(i), "parent_id": accounting})
	}
	b.open("/admin/groups")
	b.sees(".group", "12 учётных записей")
	b.pictures("groups")
	b.click(`form[action="/admin/groups/3/place"] button[value=up]`)
	b.sees(".toast", "Изменения сохранены")
	if text := b.text(".groups"); strings.Index(text, "Администраторы сети") > strings.Index(text, "Бухгалтерия") {
		t.Errorf("the order is %q", text)
	}

	b.open("/admin/groups/2")
	b.sees("#devices_per_user-note", "наследуется: 3 (группа Центральный офис)")
	b.pictures("group")
	b.click("#remote_access_0")
	b.click("#admin")
	b.click("main form .button.primary")
	b.sees(".question", "Администраторами шлюза станут 12 человек")
	b.pictures("group-question")
	b.click(".question a.button")
	b.sees("h1", "Бухгалтерия")

	b.open("/admin/users/2")
	b.sees("[aria-labelledby=applied-title]", "Бухгалтерия и расчётный отдел")
	b.click("details.unfold summary")
	b.pictures("user-group")

	b.open("/admin/groups/directory")
	b.sees(".empty", "Каталогов пока нет")
	b.pictures("group-no-directory")
	b.open("/admin/groups/1")
	b.click(`form[action$="/delete"] button`)
	b.sees(".question", "12 человек потеряют удалённый доступ")
	b.pictures("group-delete")

	b.click(`form[action="/language"] button`)
	b.sees("nav", "Groups")
	for _, path := range []string{"/admin/groups", "/admin/groups/2", "/admin/groups/new", "/admin/groups/directory", "/admin/users/2"} {
		b.open(path)
		text := b.text("body")
		for _, name := range []string{"Центральный офис", "Бухгалтерия и расчётный отдел", "Администраторы сети", "Удалённые кассы", "Подрядчики", "Сотрудница Номер"} {
			text = strings.ReplaceAll(text, name, "")
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r >= 'А' && r <= 'я' }); i >= 0 {
			t.Errorf("%s in English says %q", path, text[i:min(len(text), i+60)])
		}
	}
	b.pictures("user-group-en")
	b.open("/admin/groups/1")
	b.click(`form[action$="/delete"] button`)
	b.click(".question button.danger")
	b.sees(".toast", "Group deleted")
}

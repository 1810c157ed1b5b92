//go:build browser

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAccountsInChromium loads accounts from a file, finds some of them, and changes several at once.
func TestAccountsInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)

	admin := g.rest("boss", adminPassword)
	var office struct{ ID int64 }
	admin.must("POST", "/user_backend/groups", map[string]any{"name": "Центральный офис"}, &office)
	admin.must("POST", "/user_backend/groups", map[string]any{"name": "Бухгалтерия и расчётный отдел", "parent_id": office.ID}, nil)

	file := filepath.Join(t.TempDir(), "Сотрудники.csv")
	load := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		b.do("choose the file", chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
		b.click(`form[action="/admin/users/import"] button`)
	}
	b.open("/admin/users/import")
	b.sees("h1", "Импорт и экспорт")
	b.pictures("import")
	load("PK\x03\x04[Content_Types].xml")
	b.sees("#file-note", "Это книга Excel или LibreOffice")
	b.pictures("import-workbook")

	var rows strings.Builder
	rows.WriteString("Логин;Имя;Телефон;Включена;Удалённый доступ;Отдел;Группа\n")
	for i := range 70 {
		fmt.Fprintf(&rows, "employee%02d;Сотрудник Очень-Длинная-Фамилия %d;+7 900 000-00-%02d;да;%s;Продажи;%s\n", i, i, i, []string{"да", "нет"}[i%2],
			[]string{"Центральный офис", "Центральный офис/Бухгалтерия и расчётный отдел", ""}[i%3])
	}
	load(rows.String() + "boss;;;нет;;;\nemployee01;;;;;;\nновый сотрудник;;;возможно;;;\ncorp\\ivanov;;;;;;\nx;\"Иванов;;;;;\n")
	b.sees(".banner.bad", "6 ошибок. Ничего не загружено")
	b.sees("tbody", "Этот логин уже стоит в строке 3")
	b.sees("tbody", "Кавычка не закрыта")
	b.sees(".banner.warn", "Эти столбцы не загружаются: Отдел")
	b.pictures("import-mistakes")
	load(rows.String() + "boss;Анна Петрова;;;;;\n")
	b.sees(".count-list", "70")
	b.sees("tbody", "Анна Петрова")
	b.pictures("import-preview")
	b.click(`form[action="/admin/users/import/apply"] button`)
	b.sees(".toast", "Учётные записи загружены")
	b.pictures("users-many")

	b.click(".filters summary")
	b.do("choose what to find", chromedp.SetValue(chromedp.CSS("#remote"), "1"), chromedp.SetValue(chromedp.CSS("#login"), "never"))
	b.click(".filters button")
	b.sees(".count", "35 учётных записей")
	b.pictures("users-filtered")
	b.types("q", "employee")
	b.click(".search > button")
	b.do("wait for the new page", chromedp.WaitVisible(chromedp.CSS(`.search input[value="employee"]`))) // the count is the same
	b.sees(".count", "35 учётных записей")

	// The box in the head of the table marks the whole page.
	b.click("th.mark input")
	b.do("choose an act", chromedp.SetValue(chromedp.CSS("#act"), "disable"))
	b.click("#bulk button")
	b.sees(".question", "Отключить: 35 учётных записей?")
	b.pictures("users-question")
	b.click(".question button.danger")
	b.sees(".toast", "Учётные записи изменены")
	b.sees("td .state.bad .unseen", "Отключена")
	b.click(`.search a[href="/admin/users"]`)
	b.sees(".count", "71 учётная запись")
	b.do("choose all", chromedp.Click(chromedp.CSS("#scope_all")), chromedp.SetValue(chromedp.CSS("#act"), "disable"))
	b.click("#bulk button")
	b.sees(".question", "Отключить: 35 учётных записей?")
	b.sees(".question", "Ваша собственная учётная запись пропущена")

	// The switch of the language keeps the filter.
	for path, text := range map[string]string{"/admin/users/import": "Import and export", "/admin/users?state=disabled": "35 accounts"} {
		b.open(path)
		b.click(`form[action="/language"] button`)
		b.sees("main", text)
		b.click(`form[action="/language"] button`)
		b.sees("nav", "Учётные записи")
	}

	// Who must change the password does so on the sign-in page.
	admin.user(map[string]any{"login": "novikova", "must_change": true})
	b.logsOut()
	b.types("login", "novikova")
	b.types("password", userPassword)
	b.click("main form button[type=submit]")
	b.sees(".banner", "Перед входом пароль нужно сменить")
	b.types("psw", "another-horse-9")
	b.types("psw2", "another-horse-8")
	b.click("main form button[type=submit]")
	b.sees("#password-note", "Заполните это поле")
	b.sees("#psw2-note", "не совпадают")
	b.pictures("login-change-local")
	b.types("password", userPassword)
	b.types("psw", "another-horse-9")
	b.types("psw2", "another-horse-9")
	b.click("main form button[type=submit]")
	b.sees("h1", "Личный кабинет")
}

// TestManyAccountsInChromium: among 320 accounts one is found, opened and saved, and several are changed at once; the filter, the order
// and the page stay. 20 rows are in view at 1280 x 900, and no row has two lines.
func TestManyAccountsInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)

	file := filepath.Join(t.TempDir(), "people.csv")
	var rows strings.Builder
	rows.WriteString("Логин;Имя;Телефон;Включена;Удалённый доступ\n")
	for i := range 320 {
		fmt.Fprintf(&rows, "user%03d;%s %d;;%s;%s\n", i, []string{"Константинопольская Александра Всеволодовна", "Иванов Иван", "Ёлкин Пётр"}[i%3], i,
			"да", []string{"да", "нет"}[i%2])
	}
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open("/admin/users/import")
	b.do("choose the file", chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.click(`form[action="/admin/users/import"] button`)
	b.sees(".count-list", "320")
	b.click(`form[action="/admin/users/import/apply"] button`)
	b.sees(".count", "321 учётная запись")
	b.do("look at 1280 x 900", chromedp.EmulateViewport(1280, 900))
	b.open("/admin/users")
	inView := evaluate[int](b, `[...document.querySelectorAll(".table tbody tr")].filter(r => r.getBoundingClientRect().bottom <= innerHeight).length`)
	broken := evaluate[int](b, `[...document.querySelectorAll(".table tbody tr")].filter(r => r.offsetHeight > 36).length +
		(document.querySelector(".table").scrollWidth > document.querySelector(".table").clientWidth ? 1 : 0)`)
	if inView < 20 || broken > 0 {
		t.Errorf("%d rows in view, %d with two lines or wider than the page", inView, broken)
	}
	b.pictures("users-300")

	b.types("q", "константин")
	b.click(".search > button")
	b.sees(".count", "107 учётных записей")
	b.click(`th.col-name .sort`)
	b.sees(`th.col-name[aria-sort="ascending"]`, "Имя")
	b.click(`th.col-name .sort`)
	b.sees(`th.col-name[aria-sort="descending"]`, "Имя")
	b.click("a[rel=next]")
	b.sees(".paging", "51–100 из 107")
	b.pictures("users-300-found")
	const place = "page=2&q=%D0%BA%D0%BE%D0%BD%D1%81%D1%82%D0%B0%D0%BD%D1%82%D0%B8%D0%BD&sort=-name"
	kept := func() {
		t.Helper()
		b.sees(".paging", "51–100 из 107")
		query, row := evaluate[string](b, `location.search.slice(1)`), evaluate[string](b, `location.hash`)
		top := evaluate[float64](b, `document.querySelector(location.hash || "body").getBoundingClientRect().top`)
		if query != place || row == "" || top < 100 || top > 860 {
			t.Errorf("the place is %s%s, the row at %v", query, row, top)
		}
	}
	b.click("tbody tr:nth-child(40) td.login a")
	b.sees(".trail", "Учётные записи")
	b.types("comment", "найден")
	b.click(".card form button.primary")
	b.sees(".toast", "Изменения сохранены")
	kept()
	b.click("tbody tr:nth-child(40) td.login a")
	b.sees(".trail", "Учётные записи")
	b.click(".trail a")
	kept()
	b.click("tbody tr:nth-child(30) td.mark input")
	b.click("tbody tr:nth-child(31) td.mark input")
	b.do("choose an act", chromedp.SetValue(chromedp.CSS("#act"), "disable"))
	b.click("#bulk button")
	b.sees(".question", "Отключить: 2 учётные записи?")
	b.click(".question button.danger")
	b.sees(".toast", "Учётные записи изменены")
	kept()

	// The row is gone, because the filter does not select it any more.
	b.open("/admin/users?state=enabled&page=2")
	b.click("tbody tr:nth-child(45) td.mark input")
	b.do("choose an act", chromedp.SetValue(chromedp.CSS("#act"), "disable"))
	b.click("#bulk button")
	b.sees(".question", "Отключить: 1 учётная запись?")
	b.click(".question button.danger")
	b.sees(".toast", "Учётные записи изменены")
	b.becomes(`(() => { const top = document.querySelector("tbody tr:nth-child(45)").getBoundingClientRect().top; return top > 100 && top < 860 })()`)
}

package main

import "strings"

// russian has the Russian text for each English one.
var russian = map[string]string{
	// Help.
	"The gateway's side of Ideco agent. Every flag of serve can also be given as the variable named beside it.": "Шлюз для Ideco агента. Вместо каждого ключа команды serve можно задать переменную, указанную рядом с ним.",
	"Show context-sensitive help.": "Показать справку.",
	"Directory of everything the gateway keeps: database, root certificate, setup link.":                                             "Каталог данных шлюза: база, корневой сертификат, ссылка для настройки.",
	"Language of help and messages: ru or en. Without it the locale decides (LC_ALL, LC_MESSAGES, LANG). The log is always English.": "Язык справки и сообщений: ru или en. Без ключа — по LC_ALL, LC_MESSAGES, LANG. Журнал всегда на английском.",
	"Run the portal and the agent endpoint until SIGINT or SIGTERM.":                                                                 "Запустить портал и точку подключения агентов; остановка — SIGINT или SIGTERM.",
	"Show or remove the rules between LAN and Internet.":                                                                             "Показать или убрать правила между локальной сетью и интернетом.",
	"Make an administrator, or give one a new password. The password is read from standard input; at a terminal it is asked for.":    "Создать администратора или задать ему новый пароль. Пароль читается из стандартного ввода; на терминале программа спросит его.",
	"Print the version.":                           "Показать версию.",
	"Where the portal listens (HTTPS).":            "Где портал принимает подключения (HTTPS).",
	"Where agents connect (HTTPS and WebSocket).":  "Куда подключаются агенты (HTTPS и WebSocket).",
	"Where plain HTTP leads people to the portal.": "Где обычный HTTP направляет людей на портал.",
	"UDP port of the tunnel for people outside.":   "Порт UDP туннеля.",
	"How the tunnel runs: ${enum}. Without the right to a network interface (CAP_NET_ADMIN) auto takes netstack, which serves the gateway's own page and forwards nothing.": "Как работает туннель: ${enum}. Без права на сетевой интерфейс (CAP_NET_ADMIN) auto выбирает netstack: он показывает страницу шлюза и ничего не пересылает дальше.",
	"Network interface of the tunnel.": "Сетевой интерфейс туннеля.",
	"Who may pass between LAN and Internet: ${enum}. nftables refuses to start where it cannot enforce; auto goes on with a warning on the page; off enforces nothing.": "Ограничивать ли проход между локальной сетью и интернетом: ${enum}. nftables — не запускаться, если это невозможно; auto — работать дальше с предупреждением на странице; off — не ограничивать никого.",
	"Format of the log on standard error: ${enum}.":                                    "Формат журнала в стандартном потоке ошибок: ${enum}.",
	"The least that is logged: ${enum}.":                                               "С какого уровня писать в журнал: ${enum}.",
	"Print the table with its rules and who is let through.":                           "Показать таблицу: правила и адреса, которые они пропускают.",
	"Remove the table, also for the next boot. Only while no gateway keeps it.":        "Убрать таблицу, и для следующей загрузки тоже. Только при остановленном шлюзе.",
	"Make an administrator; the directory may be empty.":                               "Создать администратора; каталог данных может быть пустым.",
	"Give an account a new password, switch it on and make it an administrator again.": "Задать учётной записи новый пароль, включить её и снова сделать администратором.",
	"Login of the new administrator.":                                                  "Логин нового администратора.",
	"Login of the account.":                                                            "Логин учётной записи.",

	// Messages of this program.
	"Password (at least %d characters): ":                                "Пароль (не меньше %d знаков): ",
	"Once more: ":                                                        "Ещё раз: ",
	"The passwords differ. Enter the password again.":                    "Пароли не совпали. Введите пароль заново.",
	"From the local network: %s":                                         "Из локальной сети: %s",
	"Portal: %s":                                                         "Портал: %s",
	"First administrator (1 h): %s":                                      "Первый администратор (1 ч): %s",
	"administrator %s is made in %s":                                     "администратор %s создан в %s",
	"administrator %s has the new password":                              "у администратора %s новый пароль",
	"the table is removed; nothing is enforced between LAN and Internet": "таблица убрана; проход между локальной сетью и интернетом не ограничен",
	"the table is removed, but that could not be written into the journal of acts: %w": "таблица убрана, но записать это в журнал действий не удалось: %w",

	// Messages of package web.
	"the login %q cannot be used: it needs 1 to %d characters, without spaces, control characters and \\ / @":                      "логин %q не подходит: нужно от 1 до %d знаков без пробелов, управляющих знаков и \\ / @",
	"the login %q is taken; to give it a new password use: ideco-portal --data %s admin reset --login %s":                          "логин %q занят; чтобы задать ему новый пароль: ideco-portal --data %s admin reset --login %s",
	"there is no gateway in %s; name its directory with --data":                                                                    "в каталоге %s нет данных шлюза; укажите его каталог ключом --data",
	"there is no account %q; to make it use: ideco-portal --data %s admin create --login %s":                                       "учётной записи %q нет; чтобы создать её: ideco-portal --data %s admin create --login %s",
	"the password could not be read: %w":                                                                                           "не удалось прочитать пароль: %w",
	"the password must have %d characters at least and %d bytes at most":                                                           "в пароле должно быть не меньше %d знаков и не больше %d байт",
	"the data directory cannot be made: %w; choose another one with --data":                                                        "не удалось создать каталог данных: %w; укажите другой ключом --data",
	"the data directory cannot be locked: %w; it must belong to the user that runs the gateway, or choose another one with --data": "не удалось занять каталог данных: %w; он должен принадлежать пользователю, от имени которого работает шлюз; или укажите другой ключом --data",
	"%s has the gateway's keys and no database: ideco.db is missing or empty. Put it back, or restore the whole directory from a backup. To begin anew, without any account, move root.key, root.pem and wireguard.key away; every installed agent then needs a new installer": "в %s есть ключи шлюза и нет базы: файла ideco.db нет или он пуст. Верните его или восстановите весь каталог из резервной копии. Чтобы начать заново, без учётных записей, уберите root.key, root.pem и wireguard.key; тогда каждому установленному агенту понадобится новый установщик",
	"another ideco-portal is running":                                                                        "другой ideco-portal уже работает",
	"%w on %s; stop it or choose another directory with --data":                                              "%w с каталогом %s; остановите его или укажите другой каталог ключом --data",
	"%s stays open to others after chmod: put the data directory on a file system that keeps modes":          "%s и после chmod открыт другим: перенесите каталог данных на файловую систему с правами доступа",
	"%s is not a directory; choose another one with --data":                                                  "%s — не каталог; укажите другой ключом --data",
	"%s is a symbolic link: put the file itself there; to keep all on another disk link the whole directory": "%s — символическая ссылка: положите на её место сам файл; чтобы хранить всё на другом диске, сделайте ссылкой весь каталог",
	"%s is not a directory: move it away, or restore the directory from a backup":                            "%s — не каталог: уберите его или восстановите каталог из копии",
	"%s is not a file (%s): move it away, or restore the file from a backup":                                 "%s — не файл (%s): уберите его или восстановите файл из копии",
	"%s belongs to %s and this program runs as %s: run it as %[2]s, or run «%[4]s»":                          "%s принадлежит %s, а программа запущена от имени %s: запустите её от имени %[2]s или выполните «%[4]s»",
	"%s can be changed by others (mode %s): make sure that nobody has, and run «chmod %o %[1]s»":             "%s могут менять другие (права %s): убедитесь, что этого никто не сделал, и выполните «chmod %o %[1]s»",
	"another ideco-portal, which runs on another data directory, keeps the table; stop it first":             "таблицу держит другой ideco-portal, с другим каталогом данных; сначала остановите его",
	"%w (process %d)":                       "%w (процесс %d)",
	"%w, or name its directory with --data": "%w, или укажите его каталог ключом --data",
	"ideco-portal runs on %s and maintains the table; stop it first, or choose no interfaces on the page Gateway of its portal (/admin/gateway)": "ideco-portal с каталогом %s работает и держит таблицу; сначала остановите его или уберите все интерфейсы на странице «Шлюз» портала (/admin/gateway)",
	"the firewall's table takes root or CAP_NET_ADMIN; run this command as root":                                                                 "для таблицы межсетевого экрана нужны права root или CAP_NET_ADMIN; выполните эту команду от имени root",
	"The table inet %s is in force. The ideco-portal that runs on %s maintains it.":                                                              "Таблица inet %s действует. Её поддерживает ideco-portal с каталогом %s.",
	"There is a table inet %s, but none is known in %s; name its directory with --data.":                                                         "Таблица inet %s есть, но в каталоге %s о ней ничего нет; укажите каталог шлюза ключом --data.",
	"There is a table inet %s, but no ideco-portal runs on %s: addresses are let through only until their timeout.":                              "Таблица inet %s есть, но ideco-portal с каталогом %s не работает: адреса пропускаются, только пока не истечёт их срок.",
	"There is no table inet %s: no interfaces are chosen.":                                                                                       "Таблицы inet %s нет: интерфейсы не выбраны.",
	"There is no table inet %s: the ideco-portal that runs on %s does not enforce this:":                                                         "Таблицы inet %s нет: ideco-portal с каталогом %s не применяет эти правила:",
	"There is no table inet %s. When ideco-portal runs on %s, this is enforced:":                                                                 "Таблицы inet %s нет. Когда ideco-portal с каталогом %s работает, действуют эти правила:",
}

// kongRussian translates the texts of package kong.
var kongRussian = strings.NewReplacer(
	"Usage: ", "Использование: ", "[flags]", "[ключи]", "<command>", "<команда>", "Flags:", "Ключи:", "Commands:", "Команды:",
	`Run "`, `Выполните «`, ` --help" for more information on a command.`, ` --help»: справка по команде.`, ` --help" for more information.`, ` --help»: подробная справка.`,
	"error: ", "ошибка: ", "missing flags: ", "не хватает ключей: ", "unknown flag ", "неизвестный ключ ", ", did you mean ", "; может быть, ",
	"unexpected argument ", "лишнее в командной строке: ", "expected one of ", "нужно одно из: ", " must be one of ", " может быть одним из ", " but got ", ", указано ",
	"expected a valid 16 bit uint", "нужно число от 0 до 65535",
)

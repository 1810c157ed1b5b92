# Ideco agent. Two commands are all that a newcomer needs:
#
#   make run    builds everything and starts the portal on this machine
#   make test   runs all checks and tests
#
# Both set up what is missing: Debian packages by apt-get as root or with sudo, Go modules by the module proxy.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

# Nothing here is written in C; without this a compiler that is there by chance, with or without headers, would be used.
export CGO_ENABLED := 0

VERSION  := $(shell sed -n 's/^\tVersion *= "\(.*\)"/\1/p' agent/agent.go)
# The same commit gives the same bytes (make reproducible): no path, no time, and no version from git, whose tags a shallow clone lacks.
GOBUILD  := go build -trimpath -buildvcs=false -ldflags "-s -w"
# The agent program for Windows 8 and 8.1 is built with Go 1.20, because newer ones need Windows 10.
WIN8     := GOTOOLCHAIN=go1.20.14 GOFLAGS=-mod=readonly
# On Windows the program has a window. It attaches to the console that it was started from, if any.
GOBUILDW := GOOS=windows GOARCH=amd64 go build -trimpath -buildvcs=false -ldflags "-s -w -H windowsgui"
# The time of packages and man pages, in seconds: that of the commit.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1577836800)
TEMPLATE := agent/installer/template/IdecoAgent.msi
PORTABLE := agent/installer/template/IdecoAgent-portable.zip

# The driver of the VPN that the installer carries; without a path it comes from the module proxy (see wintun.sh).
WINTUN_DLL ?=

# Icon, manifest and version of the Windows program, which the linker takes from a file beside its sources.
WINRES := go tool go-winres make --in cmd/ideco-agent/winres.json --arch amd64 --product-version $(VERSION) --file-version $(VERSION)
SYSO   := cmd/ideco-agent/rsrc_windows_amd64.syso

# Debian packages. Another version is for tests of an upgrade. All files have the time of the commit.
PACKAGE_VERSION ?= $(VERSION)
PACKAGE_ARCHS   ?= amd64 arm64
PACKAGE_DIR     ?= build/packages
PACKAGES        := $(foreach arch,$(PACKAGE_ARCHS),$(foreach name,ideco-portal ideco-agent,$(PACKAGE_DIR)/$(name)_$(PACKAGE_VERSION)_$(arch).deb))
# The Debian systems of the tests.
export DEBIAN_ROOTS ?= /var/cache/ideco-agent-tests
NFPM            := go tool -modfile=cmd/ideco-portal/package/nfpm.mod nfpm

# Where make run keeps its data and listens; the ports need no root.
RUN_DATA   ?= var
RUN_PORTAL ?= 127.0.0.1:8443
RUN_AGENT  ?= :14765
RUN_HTTP   ?= :8080

# Everything that a program is built from, and so nothing that only tests, the installer or readers use.
SOURCES := $(shell find agent cmd handlers static templates web -type f ! -path 'web/e2e/*' ! -path 'agent/needs/*' ! -path 'agent/netlab/*' ! -path 'agent/directory/lab/*' \
	! -path '*/dialogs/*' ! -path '*/package/*' ! -path 'cmd/docs/*' ! -path 'cmd/sbom/*' ! -name docs.go ! -name '*_test.go' ! -name '*.msi' ! -name '*.zip' ! -name 'README.md' ! -name '*.sh' ! -name '*.wxs' 2>/dev/null) go.mod go.sum

.PHONY: run build package test bench lint generate clean go tools test-tools ad-tools test-go test-fuzz test-windows8 test-windows test-browser test-gateway test-acme test-ad test-package previous installer windows-check always

run: build
	@exec build/ideco-portal --data $(RUN_DATA) serve --portal-listen $(RUN_PORTAL) --agent-listen $(RUN_AGENT) --http-listen $(RUN_HTTP)

# The last line says what the build lacks.
build: tools build/ideco-portal build/ideco-agent
	@if ! [ -e $(TEMPLATE) ]; then echo "This build has no IdecoAgent.msi to download. As root: apt-get install wixl msitools; then run make again." >&2; \
	elif ! [ -e build/wintun.dll ]; then echo "The IdecoAgent.msi of this build has no VPN driver: get wintun.dll and run make WINTUN_DLL=path." >&2; fi

build/ideco-portal: $(SOURCES) $(TEMPLATE) $(PORTABLE) | go
	$(GOBUILD) -o $@ ./cmd/ideco-portal

build/ideco-agent: $(SOURCES) | go
	$(GOBUILD) -o $@ ./cmd/ideco-agent

build/IdecoAgent.exe: $(SOURCES) | go
	$(GOBUILDW) -o $@ ./cmd/ideco-agent

build/IdecoAgent-win8.exe: $(SOURCES) | go
	$(WIN8) $(GOBUILDW) -modfile=cmd/ideco-agent/win8.mod -o $@ ./cmd/ideco-agent

# Man pages in both languages and shell completion, from the definitions of the command lines.
.PHONY: docs
docs: build/docs

build/docs: $(SOURCES) $(wildcard cmd/docs/*.go cmd/*/docs.go .github/CHANGELOG*) | go
	rm -rf $@ $@.new
	go run -tags docs ./cmd/ideco-portal $@.new
	go run -tags docs ./cmd/ideco-agent $@.new
	gzip -9nc .github/CHANGELOG.md >$@.new/changelog.gz
	gzip -9nc .github/CHANGELOG.ru.md >$@.new/changelog.ru.gz
	mv $@.new $@

# windows-check tries the installer on a real Windows (see its README.md). It is built with Go 1.20, for Windows 8.
windows-check: build/windows-check.exe

build/windows-check.exe: $(SOURCES) | go
	GOOS=windows GOARCH=amd64 $(WIN8) $(GOBUILD) -modfile=cmd/ideco-agent/win8.mod -o $@ ./cmd/ideco-agent/windows-check

# The script leaves a file that is right alone, and nothing is rebuilt for it.
build/wintun.dll: always | go
	@cmd/ideco-agent/wintun.sh $@ "$(WINTUN_DLL)"

# The template of the installer carries both builds. It needs wixl and msitools: without them the file is not made, and the
# next make tries again.
installer: $(TEMPLATE)

$(TEMPLATE): build/IdecoAgent.exe build/IdecoAgent-win8.exe build/wintun.dll build/validate $(wildcard cmd/ideco-agent/installer.* cmd/ideco-agent/dialogs/*) | tools
	@if command -v wixl >/dev/null && command -v msibuild >/dev/null; then \
		echo "Making $@"; wintun=build/wintun.dll; [ -e $$wintun ] || wintun=; \
		cmd/ideco-agent/installer.sh build/IdecoAgent.exe build/IdecoAgent-win8.exe $@ $(VERSION) $$wintun; \
		build/validate $@; \
	else rm -f $@; fi

# What checks an MSI for what Windows Installer demands.
build/validate: $(SOURCES) | go
	$(GOBUILD) -o $@ ./cmd/ideco-agent/validate

# The same programs for a share, without an installer.
$(PORTABLE): build/IdecoAgent.exe build/IdecoAgent-win8.exe
	go run ./cmd/ideco-agent/portable build/IdecoAgent.exe build/IdecoAgent-win8.exe $@

# Debian packages of the gateway and of the agent program for the command line, in build/packages.
package: $(PACKAGES)

.SECONDARY: $(foreach arch,$(PACKAGE_ARCHS),$(foreach name,ideco-portal ideco-agent,build/linux-$(arch)/$(name) build/linux-$(arch)/$(name)-licences.txt))

build/linux-%/ideco-portal: $(SOURCES) $(TEMPLATE) $(PORTABLE) | go
	GOOS=linux GOARCH=$* $(GOBUILD) -o $@ ./cmd/ideco-portal

build/linux-%/ideco-agent: $(SOURCES) | go
	GOOS=linux GOARCH=$* $(GOBUILD) -o $@ ./cmd/ideco-agent

$(PACKAGE_DIR)/ideco-portal_$(PACKAGE_VERSION)_%.deb: build/linux-%/ideco-portal build/linux-%/ideco-portal-licences.txt build/docs $(wildcard cmd/ideco-portal/package/* cmd/ideco-portal/*.service) LICENSE
	@if ! [ -e $(TEMPLATE) ]; then echo "The package needs IdecoAgent.msi. As root: apt-get install wixl msitools; then run make package again." >&2; exit 1; fi
	@mkdir -p $(@D)
	ARCH=$* VERSION=$(PACKAGE_VERSION) $(NFPM) package --config cmd/ideco-portal/package/nfpm.yaml --packager deb --target $@

$(PACKAGE_DIR)/ideco-agent_$(PACKAGE_VERSION)_%.deb: build/linux-%/ideco-agent build/linux-%/ideco-agent-licences.txt build/docs $(wildcard cmd/ideco-agent/package/*) LICENSE
	@mkdir -p $(@D)
	ARCH=$* VERSION=$(PACKAGE_VERSION) $(NFPM) package --config cmd/ideco-agent/package/nfpm.yaml --packager deb --target $@

# The licences of the modules in a package; the gateway's has the programs for Windows in it.
build/linux-%/ideco-portal-licences.txt: build/linux-%/ideco-portal build/IdecoAgent.exe build/IdecoAgent-win8.exe $(wildcard cmd/sbom/*.go)
	go run ./cmd/sbom licences $@ $(filter build/%,$^)

build/linux-%/ideco-agent-licences.txt: build/linux-%/ideco-agent $(wildcard cmd/sbom/*.go)
	go run ./cmd/sbom licences $@ $(filter build/%,$^)

# All that a release has, in build/release: packages, installer, archive, lists of components, changes and checksums.
.PHONY: release
release: package build/docs
	rm -rf build/release
	mkdir -p build/release
	cp $(PACKAGES) $(TEMPLATE) $(PORTABLE) .github/CHANGELOG.md .github/CHANGELOG.ru.md build/release/
	go run ./cmd/sbom components $(VERSION) build build/release
	export LC_ALL=C; cd build/release && sha256sum * >SHA256SUMS

# Two builds of this commit in clones that differ in path, time, umask, time zone, language and build cache give the same bytes.
.PHONY: reproducible
reproducible: tools
	.ci/reproducible

# The target go checks that Go is there and new enough to fetch the pinned version by itself.
go:
	@v=$$(go env GOVERSION 2>/dev/null || true); minor=$${v#go1.}; minor=$${minor%%[!0-9]*}; \
	if [[ "$$v" != go1.* ]] || (( $${minor:-0} < 21 )); then \
		echo "Go 1.21 or newer is needed (found: $${v:-none}); get it from https://go.dev/dl/ and put its bin directory into PATH." >&2; exit 1; \
	fi

tools: go
	@.ci/install wixl:wixl msibuild:msitools

test-tools: tools
	@.ci/install curl:curl openssl:openssl chromium:chromium certutil:libnss3-tools ip:iproute2 nft:nftables /etc/protocols:netbase wg:wireguard-tools ping:iputils-ping pkill:procps setpriv:util-linux \
		mandoc:mandoc zsh:zsh fish:fish

ad-tools: go
	@.ci/install samba:samba-ad-dc /usr/share/samba/setup/ad-schema:samba-ad-provision ldbmodify:ldb-tools kinit:krb5-user slapd:slapd dscreate:389-ds-base certutil:libnss3-tools openssl:openssl

generate: go
	go tool templ generate -include-version=false -path templates
	$(WINRES) --no-suffix --out $(SYSO)

test: test-tools build lint test-go test-fuzz test-windows8 test-windows test-browser test-gateway test-acme test-ad test-package

# All packages; the walks in a browser have a target of their own.
test-go: go
	go test ./...

# What strangers in the LAN send, and what administrators upload, is parsed by libraries that panic on malformed input.
test-fuzz: go
	for target in FuzzSPNEGO FuzzAPReq FuzzKeytab; do \
		go test ./agent/directory/kerberos -run '^$$' -fuzz "^$$target\$$" -fuzztime 20s -fuzzminimizetime 10x; \
	done
	go test ./web/certs -run '^$$' -fuzz '^FuzzUpload$$' -fuzztime 20s -fuzzminimizetime 10x

# The sources of the agent program must build and pass their tests with Go 1.20 too.
test-windows8: build/IdecoAgent-win8.exe
	$(WIN8) go test -modfile=cmd/ideco-agent/win8.mod ./agent ./agent/atomicfile ./agent/needs ./agent/netstack ./agent/passwordline ./agent/protocol ./agent/client/... ./cmd/ideco-agent ./cmd/ideco-agent/windows-check

# The installer and the program in Wine, on a virtual screen.
test-windows: build windows-check
	@.ci/install wine:wine x86_64-w64-mingw32-ld:binutils-mingw-w64-x86-64 Xvfb:xvfb xdotool:xdotool setxkbmap:x11-xkb-utils \
		import:imagemagick /usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf:fonts-liberation
	go test -tags wine -count=1 -parallel 2 -timeout 20m ./web/e2e -run Wine

test-browser: test-tools build
	go test -tags browser -count=1 -parallel 2 ./web/e2e -run Chromium

# The gateway between two LANs, the Internet and people outside, each in a network namespace, and a browser in a LAN; needs root.
# Three tests run at once, also on two processors, because one of them waits for a minute.
test-gateway: go
	@.ci/install ip:iproute2 nft:nftables ping:iputils-ping chromium:chromium
	go test -tags gateway,browser -count=1 -parallel 3 ./web/e2e -run '^TestFirewall'

# Certificates from a real CA: Pebble, the small ACME server of Let's Encrypt. Some tests need root, for a network namespace where
# the ports 80 and 443 are free.
test-acme: go
	@.ci/install pebble:pebble sslscan:sslscan testssl:testssl.sh ip:iproute2 nft:nftables
	go test -tags acme -count=1 -timeout 5m ./web/e2e/acmelab
	go test -tags acme -count=1 -timeout 5m ./web/e2e -run '^TestACME'

# Logins at real directories: Samba, OpenLDAP and 389 Directory Server in namespaces of the test; needs root. The services that
# the packages start on some systems are neither used nor disturbed.
test-ad: ad-tools
	@.ci/install chromium:chromium
	go test -tags ad -count=1 -timeout 5m ./agent/directory/... ./agent/client/ticket
	go test -tags ad,browser -count=1 -parallel 2 -timeout 5m -run AD ./web/e2e
	go test -tags ad -count=1 -timeout 5m -run TestAD ./agent/access

# The Debian packages in minimal Debian 12 and 13 systems, which a first run makes and keeps in DEBIAN_ROOTS; needs root.
test-package: package previous
	@.ci/install debootstrap:debootstrap /usr/share/keyrings/debian-archive-trixie-stable.gpg:debian-archive-keyring ip:iproute2 nft:nftables
	@if [ "$$(id -u)" = 0 ]; then web/e2e/debian_root.sh bookworm trixie; fi
	go test -tags debian -count=1 -timeout 10m ./web/e2e -run '^TestPackage'

# What an upgrade begins with: the program and the package of the commit before, under an older version. The installer is that of
# this tree. A commit from before there were packages gives only the program, and the package is one of this tree.
previous: package
	rm -rf build/previous
	mkdir -p build/previous/tree build/previous/packages
	git archive HEAD^ | tar -x -C build/previous/tree
	cp $(TEMPLATE) $(PORTABLE) build/previous/tree/agent/installer/template/
	mkdir build/previous/tree/build
	cp build/IdecoAgent.exe build/IdecoAgent-win8.exe build/previous/tree/build/
	cd build/previous/tree && GOOS=linux GOARCH=amd64 $(GOBUILD) -o build/linux-amd64/ideco-portal ./cmd/ideco-portal
	cp build/previous/tree/build/linux-amd64/ideco-portal build/previous/
	tree=build/previous/tree; [ -e $$tree/cmd/ideco-portal/package/nfpm.yaml ] || tree=.; \
	$(MAKE) -C $$tree -o $(TEMPLATE) -o $(PORTABLE) -o build/IdecoAgent.exe -o build/IdecoAgent-win8.exe PACKAGE_DIR=$(CURDIR)/build/previous/packages PACKAGE_ARCHS=amd64 PACKAGE_VERSION=$(VERSION)~previous package
	rm -r build/previous/tree

# The firewall's figures need root: granting and revoking 10,000 sessions, from grant to first packet and from end to last packet.
# So do those of logins at Active Directory.
bench: test-tools ad-tools
	go test -run '^$$' -bench . -benchtime 1s ./agent/... ./handlers/... ./web/...
	go test -tags ad -run '^$$' -bench BenchmarkLogin -benchtime 1x ./agent/directory

lint: docs
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted" >&2; exit 1; fi
	@if git grep -nE 'time\.Sleep\(' -- '*.go'; then echo "time.Sleep: wait for the event instead" >&2; exit 1; fi
	@if git grep -nE '\b(t|b|tb)\.Skip' -- '*.go' ':!agent/needs'; then echo "a skip: call agent/needs, which fails with REQUIRE_ALL=1" >&2; exit 1; fi
	@before=$$(cat templates/*_templ.go | sha256sum); out=$$(go tool templ generate -include-version=false -path templates 2>&1) || { echo "$$out" >&2; exit 1; }; \
	if [ "$$before" != "$$(cat templates/*_templ.go | sha256sum)" ]; then echo "generated code was not up to date: commit what make generate wrote" >&2; exit 1; fi
	@mkdir -p build; $(WINRES) --no-suffix --out build/rsrc.syso; \
	if ! cmp -s build/rsrc.syso $(SYSO); then echo "$(SYSO) was not up to date: commit what make generate wrote" >&2; exit 1; fi
	go vet ./...
	go vet -tags browser,wine,gateway,ad,acme,debian ./web/e2e/... ./agent/directory/... ./agent/client/ticket
	go vet -tags docs ./cmd/ideco-portal ./cmd/ideco-agent
	go tool staticcheck ./...
	go tool actionlint -shellcheck= -pyflakes= .github/workflows/*.yml
	@.ci/install shellcheck:shellcheck
	@if command -v shellcheck >/dev/null; then shellcheck cmd/ideco-portal/package/{preinst,postinst,prerm,postrm} web/e2e/debian_root.sh; fi
	@if command -v mandoc >/dev/null; then for page in build/docs/man/man*/*.gz build/docs/man/ru/man*/*.gz; do mandoc -Tlint -Wwarning "$$page"; done; fi
	go test -count=1 -run '^TestImports' ./web

clean:
	rm -rf build $(TEMPLATE) $(PORTABLE)

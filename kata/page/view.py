"""One open tab: the course, the kata with its lesson and code, the verdict and the picture.

The tab keeps what it believes to be in the file (`base`) beside what is in the editor; a save says both, so that what
somebody else saved meanwhile is never overwritten unseen.
"""

import asyncio
import contextlib
import difflib
import json
import time
from html import escape
from pathlib import Path
from typing import Any

from nicegui import background_tasks, ui

from kata.course import curriculum, progress
from kata.course.curriculum import Kata
from kata.learn.plot.handles import MOVABLE, Handle
from kata.learn.plot.pictures import PICTURES
from kata.page import chart, lesson, words
from kata.page.data import KataView, PanelView, Reply, View
from kata.page.link import EngineLink, PainterLink
from kata.page.part import Conflict, Missing, Part, Parts
from kata.waist.implementation import EDITION
from kata.waist.verdict import Outcome

HERE = Path(__file__).parent
QUIET = 0.8  # seconds after the last key until it is saved by itself


class Course:
    """What all tabs share."""

    def __init__(self, engine: EngineLink, painter: PainterLink, parts: Parts) -> None:
        self.engine = engine
        self.painter = painter
        self.parts = parts
        self.tabs: set[Tab] = set()

    def saved_elsewhere(self, chapters: set[str]) -> None:
        """Files have changed: every tab looks at its own."""
        for tab in list(self.tabs):
            if tab.kata.chapter in chapters:
                with tab.client:
                    tab.look()


class Tab:
    """A page in a browser."""

    def __init__(self, course: Course, kata: Kata) -> None:
        self.course = course
        self.kata = kata
        self.client = ui.context.client
        self.base = ""
        self.first_line = 1
        self.theirs: str | None = None
        """What stands in the file against the editor's text, until one of them is chosen."""
        self.is_missing = False
        self.is_dark = False
        self._timer: asyncio.Task[None] | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._wants_drawing = False
        self._charts: list[ui.echart] = []
        self._panels: list[PanelView] = []
        self._shown: object = None
        self._judged: str | None = None
        """The text that the picture was last drawn of."""
        self.values: dict[str, float] = {}
        self.chosen = "lesson"
        self.fault = ""
        """Why the file is no Python, and where."""
        self._items: dict[str, tuple[ui.element, ui.html]] = {}
        self._build()
        self._leave = course.engine.listen(self.hear)
        course.tabs.add(self)
        self.client.on_delete(self._gone)

    def _gone(self) -> None:
        self._leave()
        self.course.tabs.discard(self)

    # The page

    def _build(self) -> None:
        ui.add_css((HERE / "page.css").read_text("utf-8"))
        ui.add_head_html(f"<script>{(HERE / 'keep.js').read_text('utf-8')}</script>")
        with ui.element("header").classes("kata-top"):
            with ui.element("h1"):
                ui.html("Katas", sanitize=False, tag="span")
            self.bar = ui.element("progress").props('max=1 value=0 aria-label="Katas solved"')
            self.count = ui.label().classes("soft")
            self.engine_state = ui.label().classes("soft")
        with ui.element("div").classes("kata-grid"):
            with ui.element("nav").classes("course").props('aria-label="Course"'):
                self._build_course()
            with ui.element("main").classes("kata-main"):
                self._build_kata()
            with ui.element("aside").classes("side").props('aria-label="Verdict and picture" tabindex=0'):
                self.live = ui.label().classes("away").props("role=status aria-live=polite")
                self.verdict = ui.element("div").classes("verdict-column")
                self.hints = ui.element("section").props('aria-label="Hints"')
                self.after = ui.element("section").props('aria-label="After solving"')
                self.picture = ui.element("section").props('aria-label="Picture"')
        ui.on("dark", lambda event: self._set_dark(bool(event.args)))
        background_tasks.create(self._begin())

    def _build_course(self) -> None:
        search = (
            ui.element("input").classes("search").props('type=search placeholder="Search" aria-label="Search katas"')
        )
        search.on("input", lambda event: self._search(str(event.args)), js_handler="(e) => emit(e.target.value)")
        self._chapters: list[tuple[ui.element, ui.html, curriculum.Chapter]] = []
        for chapter in curriculum.chapters():
            fold = ui.element("details")
            with fold:
                with ui.element("summary"):
                    count = ui.html("", sanitize=False, tag="span").classes("count")
                    ui.html(f"{chapter.number} · {lesson.in_line(chapter.title)}", sanitize=False, tag="span")
                for kata in chapter.katas:
                    item = ui.element("button").classes("plain item").props("type=button")
                    item.on("click", lambda kata=kata: self.open(kata))
                    with item:
                        mark = ui.html("·", sanitize=False, tag="span")
                        ui.html(kata.name.replace("_", "_<wbr>"), sanitize=False, tag="span").classes("name")
                        minutes = f'{kata.stars} {kata.minutes}<span aria-hidden="true">′</span>'
                        ui.html(minutes, sanitize=False, tag="span").classes("meta")
                    self._items[kata.name] = (item, mark)
            self._chapters.append((fold, count, chapter))

    def _build_kata(self) -> None:
        self.title = ui.html("", sanitize=False, tag="h2")
        with (
            ui.element("div")
            .props('role=tablist aria-label="Kata"')
            .on("keydown.left", self._other_tab)
            .on("keydown.right", self._other_tab)
        ):
            self.tabs = {
                name: ui.html(text, sanitize=False, tag="button")
                .classes("plain")
                .props(f"type=button role=tab id=tab-{name} aria-controls=panel-{name}")
                .on("click", lambda name=name: self.choose(name))
                for name, text in (("lesson", "Lesson"), ("code", "Code"))
            }
        self.banner = ui.element("div")
        panels = "role=tabpanel id=panel-{0} aria-labelledby=tab-{0}"
        with ui.element("div").classes("panel lesson").props(panels.format("lesson") + " tabindex=0") as self.lesson:
            self.text = ui.html("", sanitize=False)
        with ui.element("div").classes("panel code").props(panels.format("code")) as self.code:
            self.editor = ui.codemirror(
                "",
                language="Python",
                on_change=lambda: self.changed(),
                keymap={"Mod-s": lambda: self.save()},
                line_wrapping=True,
            )
            with ui.element("div").classes("state"):
                self.saved = ui.label("").props("role=status")
                ui.label("Ctrl-S saves · Escape, then Tab leaves the editor")

    async def _begin(self) -> None:
        await self.client.connected()
        with self.client:
            self.is_dark = bool(await ui.run_javascript('return matchMedia("(prefers-color-scheme: dark)").matches'))
            await self._open(self.kata)

    # Which kata

    def open(self, kata: Kata) -> None:
        """Go to another kata; what is unsaved is saved first."""
        if self.theirs is None and self.editor.value != self.base:
            self.save()
        ui.navigate.history.push(f"/?kata={kata.name}")
        background_tasks.create(self._open(kata))

    async def _open(self, kata: Kata) -> None:
        with self.client:
            self.kata, self.theirs, self._shown, self._judged = kata, None, None, None
            movable = MOVABLE.get(kata.name)
            self.values = movable.values({}) if movable else {}
            self.course.engine.tell("look", kata.name)
            stars = f'<span aria-label="difficulty {kata.difficulty} of 3">{kata.stars}</span>'
            self.title.set_content(
                f'{kata.name} <span class="soft" style="font-weight:400">{stars} · {kata.minutes} min</span>'
            )
            ui.page_title(f"{kata.name} · Katas")
            self._show_lesson()
            part = self._read()
            drafts = await ui.run_javascript(f"kataPage.kata = ''; return kataPage.drafts({json.dumps(kata.name)})")
            if part is not None:
                self.base = part.text
                self.editor.value = part.text
                self._show_fault(part)
            self._point_script()
            self._build_picture()
            view = self.course.engine.view.katas.get(kata.name)
            self.choose("lesson" if view is None or view.standing == "todo" else "code")
            self.hear(self.course.engine.view)
            self.banner.clear()
            if part is not None:
                for draft in drafts or []:
                    self._bring_back(draft)

    def _bring_back(self, draft: dict[str, Any]) -> None:
        """A text that was typed, but never saved: the server, or the tab, was gone too soon."""
        text = str(draft["text"])
        if text == self.base:
            return
        self.choose("code")
        theirs, self.editor.value = self.base, text
        if draft["base"] == self.base and draft["mine"]:
            self.say("What you had typed before the server was gone is back.")
            self.save()
        else:
            self._conflict(theirs)

    def choose(self, name: str) -> None:
        """Show the lesson, or the code."""
        for other, tab in self.tabs.items():
            tab.props(f"aria-selected={'true' if other == name else 'false'} tabindex={0 if other == name else -1}")
        self.lesson.set_visibility(name == "lesson")
        self.code.set_visibility(name == "code")
        self.chosen = name

    def _other_tab(self) -> None:
        name = "code" if self.chosen == "lesson" else "lesson"
        self.choose(name)
        ui.run_javascript(f"document.getElementById('tab-{name}').focus()")

    def _show_lesson(self) -> None:
        chapter = next(chapter for chapter in curriculum.chapters() if chapter.name == self.kata.chapter)
        own = lesson.as_html(self.kata.lesson)
        introduction = lesson.as_html(chapter.introduction)
        self.text.set_content(
            f"{own}<details><summary><strong>The chapter's introduction</strong></summary>{introduction}</details>"
        )

    def _search(self, text: str) -> None:
        wanted = text.strip().lower()
        for fold, _, chapter in self._chapters:
            found = 0
            for kata in chapter.katas:
                holds = all(word in f"{kata.name} {kata.goal} {chapter.title}".lower() for word in wanted.split())
                self._items[kata.name][0].set_visibility(holds)
                found += holds
            fold.set_visibility(bool(found))
            fold.props(
                "open" if wanted or chapter.name == self.kata.chapter else "", remove="open" if not wanted else ""
            )

    # The code

    def _read(self) -> Part | None:
        try:
            part = self.course.parts.read(self.kata)
        except Missing as missing:
            self.is_missing = True
            self.editor.value = self.base = ""
            self.editor.disable()
            self.say(str(missing))
            return None
        if self.is_missing:
            self.is_missing = False
            self.editor.enable()
        self.first_line = part.first_line
        return part

    def say(self, text: str) -> None:
        """Say something of the file."""
        self.saved.set_text(text)

    def changed(self) -> None:
        """A key was pressed in the editor: it is saved when no other follows."""
        if self.editor.value == self.base or self.theirs is not None or self.is_missing:
            return
        self.say("Not saved yet")
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.create_task(self._save_later())

    async def _save_later(self) -> None:
        await asyncio.sleep(QUIET)
        with self.client:
            self.save()

    def save(self) -> None:
        """Write the editor's text into the file, unless somebody else has been there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.theirs is not None or self.is_missing:
            return
        text = self.editor.value
        try:
            self.course.parts.write(self.kata, self.base, text)
        except Conflict as conflict:
            self._conflict(conflict.theirs)
            return
        except (Missing, OSError) as error:
            self.say(f"Not saved: {error}")
            return
        self.base = text
        self._point_script()
        part = self._read()
        if part is not None:
            self._show_fault(part)
        self.say(f"Saved at {time.strftime('%H:%M:%S')}")

    def look(self) -> None:
        """The file may have been saved elsewhere: take that over, or show both texts."""
        was_missing = self.is_missing
        part = self._read()
        if part is None:
            return
        mine = self.editor.value
        if part.text == mine or was_missing:
            self.base = self.editor.value = part.text
            self._resolved()
        elif part.text == self.base:
            if self.theirs is not None:  # whoever had changed it has put it back
                self._resolved()
                self.changed()
            return
        elif mine == self.base:
            self.base = self.editor.value = part.text
            self.say(f"Changed elsewhere, taken over at {time.strftime('%H:%M:%S')}")
        else:
            self._conflict(part.text)
            return
        self._point_script()
        self._show_fault(part)

    def _conflict(self, theirs: str) -> None:
        """Both texts are kept in files, and shown; nothing is saved until one is chosen."""
        self.theirs = theirs
        mine = self.editor.value
        try:
            kept = self.course.parts.keep(self.kata, page=mine, file=theirs)
            where = f"Both are kept in {kept[0].parent.parent.name}/{kept[0].parent.name}."
        except OSError as error:
            where = f"They could not be kept in files ({error.strerror})."
        self.say("Not saved: the file was changed elsewhere")
        self.choose("code")
        self.banner.clear()
        rows = "\n".join([*difflib.unified_diff(theirs.splitlines(), mine.splitlines(), lineterm="", n=2)][2:])
        with self.banner, ui.element("div").classes("box warn").props("role=alert"):
            ui.html(
                f"<strong>This kata was changed elsewhere too.</strong> − stands in the file, + in the editor. {where}",
                sanitize=False,
            )
            ui.html(words.difference(rows), sanitize=False)
            with ui.element("div").classes("row"):
                self._button("Keep mine", lambda: self._settle(mine=True), first=True)
                self._button("Take the file's", lambda: self._settle(mine=False))

    def _settle(self, *, mine: bool) -> None:
        if self.theirs is None:
            return
        self.base, self.theirs = self.theirs, None
        self.banner.clear()
        if not mine:
            with contextlib.suppress(OSError):
                self.course.parts.keep(self.kata, page=self.editor.value)  # with what was typed since
            self.editor.value = self.base
        self._point_script()
        self.save()

    def _resolved(self) -> None:
        if self.theirs is not None:
            self.theirs = None
            self.banner.clear()

    def _point_script(self) -> None:
        """Tell the script what is saved, so that it keeps the rest."""
        told = {"kata": self.kata.name, "base": self.base, "editor": self.editor.id}
        ui.run_javascript(f"Object.assign(kataPage, {json.dumps(told)})")

    def _show_fault(self, part: Part) -> None:
        """Mark the line on which the file stops being Python."""
        found: list[dict[str, Any]] = []
        self.fault = ""
        if part.error:
            line = (part.error_line or part.first_line) - part.first_line + 1
            self.fault = f"line {line}: {part.error}"
            if 1 <= line <= part.text.count("\n") + 1:
                found = [{"kind": "line", "line": line, "class": "fault", "attributes": {"title": part.error}}]
            else:
                self.fault = f"elsewhere in the chapter, line {part.error_line} of the file: {part.error}"
        if list(self.editor.decorations) != found:
            self.editor.decorations = found

    def _go_to(self, line: int) -> None:
        """Show a line of the file in the editor."""
        here = line - self.first_line + 1
        if not 1 <= here <= self.editor.value.count("\n") + 1:
            self.say(f"Line {line} is outside this kata's part of the file")
            return
        self.choose("code")
        self.editor.decorations = [{"kind": "line", "line": here, "class": "here"}]
        self.editor.reveal_line(here)
        ui.run_javascript(f"getElement({self.editor.id}).editor.focus()")

    # The verdict

    def hear(self, view: View) -> None:
        """How things stand has changed."""
        with self.client:
            self._show_course(view)
            mine = view.katas.get(self.kata.name, KataView(standing="todo"))
            shown = (mine, view.starting, view.errors.get(self.kata.chapter, ""), self.fault if self.base else "")
            if shown != self._shown:
                self._shown = shown
                self._show_verdict(mine, view)
            is_judged = bool(mine.outcome) and not mine.judging and not view.starting
            if is_judged and self._judged != self.base:
                self._judged = self.base
                self.draw()

    def _show_course(self, view: View) -> None:
        solved = sum(kata.standing == "solved" for kata in view.katas.values())
        total = len(curriculum.katas())
        self.bar.props(f"value={solved / total:.4f}")
        self.count.set_text(f"{solved} of {total} solved")
        self.engine_state.set_text(view.starting)
        for name, (item, mark) in self._items.items():
            standing = view.katas[name].standing if name in view.katas else "todo"
            sign = progress.Standing(standing).mark
            mark.set_content(f'<span class="{standing}" role="img" aria-label="{standing}">{sign}</span>')
            item.props(f"aria-current={'true' if name == self.kata.name else 'false'}")
        for fold, count, chapter in self._chapters:
            known = [view.katas[kata.name] for kata in chapter.katas if kata.name in view.katas]
            done = sum(one.standing == "solved" for one in known)
            count.set_content(f"{done}/{len(chapter.katas)}")
            if chapter.name == self.kata.chapter:
                fold.props("open")

    def _show_verdict(self, mine: KataView, view: View) -> None:
        fault = self.fault or view.errors.get(self.kata.chapter, "")
        self.live.set_text(words.spoken(self.kata, mine, view.starting, fault))
        title, tone = words.title_of(mine, view.starting, fault), "bad" if fault else words.tone_of(mine)
        is_solved = mine.outcome == Outcome.SOLVED and not mine.judging and not fault
        self.verdict.clear()
        with self.verdict:
            laws = f": all {mine.total} laws hold" if is_solved else ""
            with ui.element("div").classes(f"box {tone}"):
                ui.html(f'<span class="verdict">{title}{laws}</span>', sanitize=False)
            if fault:
                ui.html(f"<p>{escape(fault)}</p>", sanitize=False)
            elif mine.message is not None and not is_solved:
                ui.html(words.details(mine.message), sanitize=False)
                if mine.looking:
                    ui.label("Looking for the mistake's name …").classes("soft")
                line = words.line_of(mine.message)
                if line is not None:
                    where = words.rows_of(mine.message)["where"].rpartition("/")[2]
                    here = line - self.first_line + 1
                    text = f"Go to line {here} ({where})"
                    ui.html(escape(text), sanitize=False, tag="button").classes("plain link").props("type=button").on(
                        "click", lambda: self._go_to(line)
                    )
            elif mine.cause and not is_solved and mine.outcome != Outcome.TODO:
                ui.html(f"<p>{escape(mine.cause)}</p>", sanitize=False)
            elif not is_solved:
                ui.html(f"<p>{lesson.in_line(self.kata.goal)}</p>", sanitize=False)
                if mine.outcome == Outcome.TODO and self.chosen == "lesson":
                    self._button("Write it", lambda: self.choose("code"), first=True)
            if mine.outcome in (Outcome.INFRASTRUCTURE, Outcome.TIMEOUT, Outcome.CRASHED):
                self._button("Judge again", lambda: self.course.engine.tell("again", self.kata.name))
        self._show_hints(mine)
        self._show_after(is_solved, view)

    def _button(self, text: str, press: Any, *, first: bool = False) -> ui.element:
        button = ui.html(text, sanitize=False, tag="button").classes("act first" if first else "act")
        button.props("type=button").on("click", lambda: press())
        return button

    def _show_hints(self, mine: KataView) -> None:
        self.hints.clear()
        total = len(self.kata.hints)
        opened = min(progress.load().hints.get(self.kata.name, 0), total)
        with self.hints:
            if not total or (mine.outcome == Outcome.SOLVED and not opened):
                return
            ui.html("Hints", sanitize=False, tag="h3")
            if opened:
                items = "".join(f"<li>{lesson.in_line(hint)}</li>" for hint in self.kata.hints[:opened])
                ui.html(f'<ol class="hints">{items}</ol>', sanitize=False)
            if opened < total:
                fits = " (it fits your mistake)" if mine.hint == opened + 1 else ""
                self._button(f"Open hint {opened + 1} of {total}{fits}", lambda: self._hint(mine))

    def _hint(self, mine: KataView) -> None:
        number = progress.next_hint(self.kata.name, len(self.kata.hints))
        self._show_hints(mine)
        self.live.set_text(f"Hint {number} of {len(self.kata.hints)}: {self.kata.hints[number - 1]}")

    def _show_after(self, is_solved: bool, view: View) -> None:
        self.after.clear()
        if not is_solved:
            return
        katas = list(curriculum.katas())
        at = katas.index(self.kata)
        order = [*katas[at + 1 :], *katas[:at]]
        following = next((k for k in order if view.katas.get(k.name, KataView("todo")).standing != "solved"), None)
        with self.after:
            with ui.element("div").classes("row"):
                if following is not None:
                    self._button(f"Next: {following.name}", lambda: self.open(following), first=True)
                else:
                    ui.label("That was the last one: every kata is solved.")
                if not EDITION:
                    self._button("Other right ways, and what they cost", self._ask_ways)
            self.ways = ui.element("div")

    async def _ask_ways(self) -> None:
        place, kata = self.ways, self.kata
        place.clear()
        with place:
            ui.label("Counting: some seconds …").classes("soft").props("role=status")
        reply = await self.course.painter.ask(kata.name, ways=True)
        with self.client:
            if kata != self.kata or place.is_deleted:
                return
            place.clear()
            with place:
                ui.html(words.ways(reply.ways) or f"<p>{escape(reply.trouble)}</p>", sanitize=False)

    # The picture

    def _build_picture(self) -> None:
        self.picture.clear()
        self._charts, self._panels = [], []
        if self.kata.name not in PICTURES:
            return
        movable = None if EDITION else MOVABLE.get(self.kata.name)
        with self.picture:
            ui.html("Picture", sanitize=False, tag="h3")
            for handle in movable.handles if movable else ():
                self._build_handle(handle)
            legend = "broad: expected · thin: yours"
            self.caption = ui.label(f"Drawn when there is a verdict ({legend})").classes("soft").props("role=status")
            self.place = ui.element("div")

    def _build_handle(self, handle: Handle) -> None:
        with ui.element("label").classes("handle"):
            shown = ui.label(handle.shown(self.values[handle.name]))
            slider = ui.element("input").props(
                f"type=range min={handle.low} max={handle.high} step={handle.step} value={self.values[handle.name]} "
                f'aria-label="{handle.name}"'
            )

        def moved(event: Any) -> None:
            value = handle.clamped(float(event.args))
            self.values[handle.name] = value
            shown.set_text(handle.shown(value))
            self.draw()

        slider.on("input", moved, js_handler="(e) => emit(e.target.value)")

    def draw(self) -> None:
        """Draw the picture as things stand; what is asked for meanwhile is drawn after it."""
        if self.kata.name not in PICTURES or not self.base:
            return
        self._wants_drawing = True
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.create_task(self._draw())

    async def _draw(self) -> None:
        while self._wants_drawing:
            self._wants_drawing = False
            kata = self.kata
            reply = await self.course.painter.ask(kata.name, dict(self.values))
            if kata == self.kata and self.client.has_socket_connection:
                with self.client:
                    self._show_picture(reply)

    def _show_picture(self, reply: Reply) -> None:
        said = [*reply.words, *(f"yours: {problem}" for problem in reply.problems)]
        setting = f"{reply.setting}. " if reply.setting else ""
        self.caption.set_text(reply.trouble or f"{setting}Broad: expected, thin: yours. {' · '.join(said)}")
        if reply.trouble:
            return
        self._panels = reply.panels
        if len(self._charts) != len(reply.panels):
            self.place.clear()
            with self.place:
                self._charts = [
                    ui.echart(chart.options(panel, is_dark=self.is_dark), renderer="svg").classes("chart")
                    for panel in reply.panels
                ]
            return
        for one, panel in zip(self._charts, reply.panels, strict=True):
            one.options.clear()
            one.options.update(chart.options(panel, is_dark=self.is_dark))

    def _set_dark(self, is_dark: bool) -> None:
        self.is_dark = is_dark
        self.editor.theme = "vscodeDark" if is_dark else "basicLight"
        for one, panel in zip(self._charts, self._panels, strict=False):
            one.options.clear()
            one.options.update(chart.options(panel, is_dark=is_dark))

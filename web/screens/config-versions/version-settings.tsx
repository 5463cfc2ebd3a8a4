import { useState } from "preact/hooks";
import type { ConfigRepository } from "@simpletuner-cloud/contract/config-versions.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { may } from "../../session.ts";
import { t } from "./words.ts";

/** Runs one act at a time and shows how it ended. */
function useAct(onDone: () => void) {
  const [busy, setBusy] = useState<string | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const act = async (key: string, text: string, work: () => Promise<unknown>): Promise<void> => {
    setBusy(key);
    setError(null);
    try {
      await work();
      toast({ kind: "success", text });
      onDone();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(null);
  };
  return { busy, error, act };
}

type Acts = ReturnType<typeof useAct>;

function Identity({ repository, acts }: { repository: ConfigRepository; acts: Acts }) {
  const [name, setName] = useState(repository.user_name ?? "");
  const [email, setEmail] = useState(repository.user_email ?? "");
  return (
    <form
      class="versions-fields"
      onSubmit={(event) => {
        event.preventDefault();
        void acts.act("identity", t("saved"), () =>
          call("POST /api/git/identity", { body: { name, email } }),
        );
      }}
    >
      <Field label={t("name")} required>
        {(attributes) => (
          <input
            class="input"
            required
            maxLength={100}
            {...attributes}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label={t("email")} required>
        {(attributes) => (
          <input
            class="input"
            type="email"
            required
            maxLength={200}
            {...attributes}
            value={email}
            onInput={(event) => setEmail(event.currentTarget.value)}
          />
        )}
      </Field>
      <Button type="submit" busy={acts.busy === "identity"}>
        {t("save")}
      </Button>
    </form>
  );
}

function Remote({ repository, acts }: { repository: ConfigRepository; acts: Acts }) {
  const [remote, setRemote] = useState(repository.remote ?? "");
  const { ahead, behind } = repository;
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void acts.act("remote", t("saved"), () =>
          call("POST /api/git/remote", { body: { remote: remote.trim() || null } }),
        );
      }}
    >
      <Field label={t("remote")} hint={t("remote_hint")}>
        {(attributes) => (
          <input
            class="input"
            dir="ltr"
            spellcheck={false}
            maxLength={500}
            {...attributes}
            value={remote}
            onInput={(event) => setRemote(event.currentTarget.value)}
          />
        )}
      </Field>
      <p class="row">
        <Button type="submit" busy={acts.busy === "remote"}>
          {t("save")}
        </Button>
        {repository.remote !== null && (
          <>
            <Button
              busy={acts.busy === "push"}
              onClick={() => void acts.act("push", t("pushed"), () => call("POST /api/git/push"))}
            >
              {t("push")}
            </Button>
            <Button
              busy={acts.busy === "pull"}
              onClick={() => void acts.act("pull", t("pulled"), () => call("POST /api/git/pull"))}
            >
              {t("pull")}
            </Button>
            {ahead > 0 && <span class="chip">{t("ahead", { n: ahead })}</span>}
            {behind > 0 && <span class="chip">{t("behind", { n: behind })}</span>}
          </>
        )}
      </p>
    </form>
  );
}

/** Whether jobs commit, whose name commits carry, and where they are pushed to. */
export function VersionSettings(props: { repository: ConfigRepository; onChanged: () => void }) {
  const { repository } = props;
  const acts = useAct(props.onChanged);
  return (
    <section class="panel" aria-labelledby="versions-settings">
      <header class="panel-head">
        <h2 id="versions-settings">{t("settings")}</h2>
      </header>
      <div class="panel-body stack">
        <label class="check">
          <input
            type="checkbox"
            checked={repository.snapshot_on_submit}
            onChange={(event) => {
              const body = { snapshot_on_submit: event.currentTarget.checked };
              void acts.act("submit", t("saved"), () => call("PUT /api/git/setting", { body }));
            }}
          />
          <span>
            <strong>{t("on_submit")}</strong>
            <span class="small muted versions-hint">{t("on_submit_hint")}</span>
          </span>
        </label>
        <h3>{t("identity")}</h3>
        {!repository.identity_configured && <p class="small muted">{t("identity_missing")}</p>}
        <Identity
          key={`${repository.user_name}${repository.user_email}`}
          repository={repository}
          acts={acts}
        />
        {may("admin.config") && <Remote key={repository.remote} repository={repository} acts={acts} />}
        {acts.error && <ErrorBox error={acts.error} />}
      </div>
    </section>
  );
}

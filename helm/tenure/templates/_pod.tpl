{{/* Parts of pods: what the restricted pod security standard asks for, and what every one of Tenure's pods mounts. */}}

{{/* The security context of a pod: (list root), or (list root uid) for the image of somebody else. */}}
{{- define "tenure.podSecurity" -}}
{{- $user := (index . 0).Values.runAsUser -}}
{{- if gt (len .) 1 }}{{ $user = index . 1 }}{{ end -}}
runAsNonRoot: true
{{- if not (kindIs "invalid" $user) }}
runAsUser: {{ int $user }}
runAsGroup: {{ int $user }}
fsGroup: {{ int $user }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tenure.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- define "tenure.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The volume with a client's NATS credentials and, where the broker speaks TLS, its CA: (list root "client"). */}}
{{- define "tenure.natsVolume" -}}
{{- $root := index . 0 -}}
{{- $secret := include "tenure.secret" (list $root (printf "nats-%s" (index . 1))) -}}
{{- $ca := $root.Values.nats.caSecret -}}
{{- $tls := hasPrefix "tls://" (include "tenure.natsUrl" $root) -}}
- name: nats
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $secret | quote }}
          items:
            - key: nats.creds
              path: nats.creds
            {{- if and $tls (not $ca.name) }}
            - key: ca.crt
              path: ca.crt
            {{- end }}
      {{- if and $tls $ca.name }}
      - secret:
          name: {{ $ca.name | quote }}
          items:
            - key: {{ $ca.key | quote }}
              path: ca.crt
      {{- end }}
{{- end }}

{{/* The volume with a role's password and the database's CA: (list root "volume" "folder of the Secret"). */}}
{{- define "tenure.databaseVolume" -}}
{{- $root := index . 0 -}}
{{- $ca := include "tenure.databaseCa" $root | fromYaml -}}
- name: {{ index . 1 }}
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "tenure.secret" (list $root (index . 2)) | quote }}
          items:
            - key: password
              path: password
      {{- if $ca.name }}
      - secret:
          name: {{ $ca.name | quote }}
          items:
            - key: {{ $ca.key | quote }}
              path: ca.crt
      {{- end }}
{{- end }}

{{- define "tenure.operatorsVolume" -}}
- name: operators
  secret:
    secretName: {{ include "tenure.secret" (list . "operators") | quote }}
    defaultMode: 0440
    items:
      - key: token
        path: token
{{- end }}

{{/* Where migrations run: the variables of one service's owner: (list root "service"). */}}
{{- define "tenure.ownerEnv" -}}
{{- $root := index . 0 -}}
{{- $variable := include "tenure.variable" (index . 1) -}}
{{- $database := include "tenure.database" (index . 1) -}}
- name: {{ $variable }}__DATABASE__URL
  value: {{ include "tenure.databaseUrl" (list $root (printf "%s_owner" $database) $database) | quote }}
- name: {{ $variable }}__DATABASE__PASSWORD_FILE
  value: /etc/tenure/database/password
- name: {{ $variable }}__LOG_JSON
  value: "true"
{{- end }}

{{/* The pod of a Job: (dict root component args env volumes mounts image serviceAccount name). */}}
{{- define "tenure.jobPod" -}}
metadata:
  labels:
    {{- include "tenure.labels" (list .root .component) | nindent 4 }}
    {{- with .labels }}{{ toYaml . | nindent 4 }}{{ end }}
    {{- range $key, $value := .root.Values.jobs.podLabels }}
    {{ $key }}: {{ $value | quote }}
    {{- end }}
spec:
  {{- include "tenure.pullSecrets" .root | nindent 2 }}
  serviceAccountName: {{ .serviceAccount | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: {{ .restartPolicy | default "OnFailure" }}
  securityContext:
    {{- include "tenure.podSecurity" (list .root) | nindent 4 }}
  {{- with .root.Values.jobs.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.jobs.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ .image | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args:
        {{- range .args }}
        - {{ . | quote }}
        {{- end }}
      {{- with .env }}
      env:
        {{- . | trim | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml .root.Values.jobs.resources | nindent 8 }}
      securityContext:
        {{- include "tenure.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- range $name, $path := .mounts }}
        - name: {{ $name }}
          mountPath: {{ $path }}
          readOnly: true
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
    {{- range .volumes }}
    {{- . | trim | nindent 4 }}
    {{- end }}
{{- end }}

{{/* What bounds a Job: (list root). */}}
{{- define "tenure.jobLimits" -}}
backoffLimit: {{ int .Values.jobs.backoffLimit }}
activeDeadlineSeconds: {{ int .Values.jobs.activeDeadlineSeconds }}
{{- if not (kindIs "invalid" .Values.jobs.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ int .Values.jobs.ttlSecondsAfterFinished }}
{{- end }}
{{- end }}

{{/* Who runs set-up Jobs that do not ask the API server: (list root hook?). Hooks run before the release's own accounts exist. */}}
{{- define "tenure.setupAccount" -}}
{{- $root := index . 0 -}}
{{- include "tenure.object" (list $root (ternary "setup-hook" "setup" (index . 1))) -}}
{{- end }}

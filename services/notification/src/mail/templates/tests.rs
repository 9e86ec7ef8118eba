use super::*;

#[test]
fn every_template_renders_with_everything_and_with_next_to_nothing() {
    let templates = Templates::load(None).unwrap();
    for name in TEMPLATES {
        let milestone = name.trim_end_matches("_again");
        let milestone = crate::milestone::Milestone::from_name(milestone).unwrap().as_str();
        let full = Line { template: name.to_owned(), ..Line::sample(milestone, "Ada Lovelace") };
        let bare = Line {
            title: String::new(),
            department: String::new(),
            location: String::new(),
            before_title: String::new(),
            before_department: String::new(),
            last_working_day: String::new(),
            accounts: Vec::new(),
            failed: 0,
            exposure: None,
            application: String::new(),
            stands_in: false,
            ..full.clone()
        };
        for line in [full, bare] {
            let written = templates.notice(&line).unwrap_or_else(|error| panic!("{name}: {error}"));
            for body in [&written.subject, &written.text, &written.html] {
                assert!(body.contains("Ada Lovelace"), "{name}: {body}");
            }
            let date = if line.milestone == "access_ready" { "2026-03-01" } else { "2026-04-01" };
            assert!(written.text.contains(date), "{name}: {}", written.text);
            assert!(!written.text.contains("{{"), "{name}");
            assert!(!written.text.starts_with("Subject"), "{name}");
        }
    }
}

#[test]
fn a_digest_lists_a_bounded_number_of_notices_and_counts_all() {
    let templates = Templates::load(None).unwrap();
    let mut lines = vec![Line::sample("joining", "Ada"); 7];
    lines.extend(vec![Line::sample("left", "Grace"); 5]);

    let written = templates.digest(&lines, 8).unwrap();

    assert_eq!(written.subject, "12 notices about people");
    assert_eq!(written.text.matches("- Ada").count(), 7);
    assert_eq!(written.text.matches("- Grace").count(), 1);
    assert!(written.text.contains("4 more"), "{}", written.text);
    assert!(written.text.contains("7 joining, 5 left"), "{}", written.text);
    assert_eq!(written.html.matches("<li>").count(), 8);
}

#[test]
fn every_field_is_escaped_in_html() {
    let templates = Templates::load(None).unwrap();
    let evil = "<script>&\"'";
    for name in TEMPLATES.into_iter().filter(|name| *name != "leaving_again") {
        let milestone = crate::milestone::Milestone::from_name(name).unwrap().as_str();
        let mut line = Line::sample(milestone, evil);
        for field in [
            &mut line.title,
            &mut line.department,
            &mut line.location,
            &mut line.before_title,
            &mut line.before_department,
            &mut line.application,
        ] {
            evil.clone_into(field);
        }
        evil.clone_into(&mut line.accounts[0].login);

        let written = templates.notice(&line).unwrap();
        let digest = templates.digest(&[line], 8).unwrap();

        assert!(!written.html.contains("<script>"), "{name}: {}", written.html);
        assert!(!digest.html.contains("<script>"), "{name}: {}", digest.html);
    }
}

#[test]
fn a_file_replaces_a_template_and_a_stray_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("joining.txt"), "Subject: Hi {{ notice.person }}\nNow\n")
        .unwrap();
    let templates = Templates::load(Some(folder.path())).unwrap();
    let written = templates.notice(&Line::sample("joining", "Ada")).unwrap();
    assert_eq!((written.subject.as_str(), written.text.as_str()), ("Hi Ada", "Now"));

    std::fs::write(folder.path().join("welcome.txt"), "").unwrap();
    let refused = Templates::load(Some(folder.path())).unwrap_err().to_string();
    assert!(refused.contains("welcome.txt replaces no template"), "{refused}");
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let endless = "Subject: x\n{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}\
                   {% endfor %}{% endfor %}";
    std::fs::write(folder.path().join("joining.txt"), endless).unwrap();
    let templates = Templates::load(Some(folder.path())).unwrap();

    assert!(templates.notice(&Line::sample("joining", "Ada")).is_err());
}

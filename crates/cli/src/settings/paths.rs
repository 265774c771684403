//! Paths in the settings are meant from the folder of the file; without a file, from the working folder.

use std::path::{Path, PathBuf};

use super::Settings;

impl Settings {
    pub(super) fn resolve_paths(&mut self, folder: Option<&Path>) {
        let folder = folder.unwrap_or_else(|| Path::new("."));
        for path in self.paths() {
            let joined = folder.join(&*path);
            *path = std::path::absolute(&joined).unwrap_or(joined);
        }
    }

    /// Every path there is.
    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let kafka = &mut self.kafka;
        let logins = [&mut kafka.appender, &mut kafka.reader, &mut kafka.admin];
        let passwords = logins.into_iter().flatten().map(|login| &mut login.password_file);
        let optional = [
            &mut kafka.ca_file,
            &mut kafka.certificate_file,
            &mut kafka.key_file,
            &mut kafka.key_password_file,
            &mut self.registry.ca_file,
            &mut self.registry.password_file,
            &mut self.postgres.ca_file,
            &mut self.postgres.password_file,
            &mut self.replay.scratch,
            &mut self.tools.policy,
            &mut self.tools.objects,
        ];
        let host = self.deploy.host.iter_mut();
        let of_host = host.flat_map(|host| std::iter::once(&mut host.manifest).chain(&mut host.folder));
        let render = self.deploy.render.iter_mut().map(|render| &mut render.token_file);
        let vercel = self.deploy.vercel.iter_mut().map(|vercel| &mut vercel.token_file);
        let of_host = of_host.chain(render).chain(vercel);
        let logs = self.sensors.access_log.iter_mut().map(|log| &mut log.path);
        let secrets = self.tools.secrets.values_mut().map(|secret| &mut secret.file);
        let secrets = secrets.chain(self.tools.s3.iter_mut().map(|s3| &mut s3.secret_key_file));
        let databases = self.tools.databases.values_mut();
        let of_databases =
            databases.flat_map(|database| database.password_file.iter_mut().chain(&mut database.ca_file));
        let mail = self.tools.mail.iter_mut();
        let of_mail = mail.flat_map(|mail| mail.password_file.iter_mut().chain(&mut mail.ca_file));
        let roots = self.tools.roots.values_mut().chain(&mut self.tools.sandbox.readable);
        passwords
            .chain(optional.into_iter().flatten())
            .chain(roots)
            .chain(secrets)
            .chain(of_databases)
            .chain(of_mail)
            .chain(of_host)
            .chain(logs)
            .chain([&mut self.state.folder])
    }
}

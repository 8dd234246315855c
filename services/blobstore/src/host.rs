//! `wasi:blobstore@0.2.0-draft`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{GuestState, HasService, LabelAccess, wasmtime};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use crate::blobstore::Blobstore;
use crate::body::{Body, ReadStream, WriteStream};
use crate::bounds::{check_name, check_names, invalid};
use crate::calls::{self, Answer, Call, OpenContainer, admit, counted};
use crate::container::Container;
use crate::error::BlobError;
use crate::values::{IncomingValue, ObjectNames, OutgoingValue};

use self::wasi::blobstore::container::{ContainerMetadata, ObjectMetadata};
use self::wasi::blobstore::types::ObjectId;
use self::wasi::blobstore::{blobstore, container, types};

airssys_wasm::wasmtime::component::bindgen!({
    path: "wit",
    world: "wasi:blobstore/imports",
    imports: { default: async | trappable },
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:blobstore/container.container": crate::calls::OpenContainer,
        "wasi:blobstore/container.stream-object-names": crate::values::ObjectNames,
        "wasi:blobstore/types.outgoing-value": crate::values::OutgoingValue,
        "wasi:blobstore/types.incoming-value": crate::values::IncomingValue,
    },
    wasmtime_crate: airssys_wasm::wasmtime,
});

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasService<Blobstore>>(linker, GuestState::service::<Blobstore>)?;
    container::add_to_linker::<_, HasService<Blobstore>>(linker, GuestState::service::<Blobstore>)?;
    blobstore::add_to_linker::<_, HasService<Blobstore>>(linker, GuestState::service::<Blobstore>)
}

/// Opens a container, and works on it.
async fn with_container<T>(
    call: &mut Call<'_>,
    function: &'static str,
    name: &str,
    access: LabelAccess,
    work: impl AsyncFnOnce(&OpenContainer) -> Result<T, BlobError>,
) -> Result<T, String> {
    let began = Instant::now();
    let done = async {
        calls::rate(call)?;
        let opened = calls::open(call, name, access).await?;
        work(&opened).await
    }
    .await;
    counted(call, function, began, done)
}

impl blobstore::Host for Call<'_> {
    async fn create_container(&mut self, name: String) -> Answer<Resource<OpenContainer>> {
        let create = async |opened: &OpenContainer| {
            opened.within(opened.container().create()).await?;
            Ok(opened.clone())
        };
        let opened = with_container(self, "create-container", &name, LabelAccess::Write, create).await;
        push(self, opened)
    }

    async fn get_container(&mut self, name: String) -> Answer<Resource<OpenContainer>> {
        let get = async |opened: &OpenContainer| {
            let created = opened.within(opened.container().created()).await?;
            created.map(|_| opened.clone()).ok_or(BlobError::NoSuchContainer)
        };
        let opened = with_container(self, "get-container", &name, LabelAccess::Any, get).await;
        push(self, opened)
    }

    async fn delete_container(&mut self, name: String) -> Answer<()> {
        let delete = async |opened: &OpenContainer| opened.within(opened.container().remove()).await;
        Ok(with_container(self, "delete-container", &name, LabelAccess::Write, delete).await)
    }

    async fn container_exists(&mut self, name: String) -> Answer<bool> {
        let exists =
            async |opened: &OpenContainer| Ok(opened.within(opened.container().created()).await?.is_some());
        Ok(with_container(self, "container-exists", &name, LabelAccess::Any, exists).await)
    }

    async fn copy_object(&mut self, src: ObjectId, dest: ObjectId) -> Answer<()> {
        let began = Instant::now();
        let done = match open_both(self, &src, &dest, LabelAccess::Read).await {
            Ok((from, to)) => copy((&from, &src), (&to, &dest)).await,
            Err(error) => Err(error),
        };
        Ok(counted(self, "copy-object", began, done))
    }

    async fn move_object(&mut self, src: ObjectId, dest: ObjectId) -> Answer<()> {
        let began = Instant::now();
        let done = move_object(self, &src, &dest).await;
        Ok(counted(self, "move-object", began, done))
    }
}

fn push<T: Send + 'static>(call: &mut Call<'_>, made: Result<T, String>) -> Answer<Resource<T>> {
    Ok(match made {
        Ok(made) => Ok(call.table().push(made)?),
        Err(error) => Err(error),
    })
}

/// Opens both containers of a copy or a move, with the right that it needs on the source.
async fn open_both(
    call: &mut Call<'_>,
    src: &ObjectId,
    dest: &ObjectId,
    on_source: LabelAccess,
) -> Result<(OpenContainer, OpenContainer), BlobError> {
    check_name(&src.object)?;
    check_name(&dest.object)?;
    calls::rate(call)?;
    let from = calls::open(call, &src.container, on_source).await?;
    let to = calls::open(call, &dest.container, LabelAccess::Write).await?;
    Ok((from, to))
}

/// Copies an object chunk by chunk.
async fn copy(
    (from, src): (&OpenContainer, &ObjectId),
    (to, dest): (&OpenContainer, &ObjectId),
) -> Result<(), BlobError> {
    let read = from.within(from.container().read(&src.object, 0..=u64::MAX)).await?;
    let mut object = read.ok_or(BlobError::NoSuchObject)?;
    let mut writer = to.within(to.container().write(&dest.object)).await?;
    while let Some(bytes) = from.within(object.reader.read()).await? {
        to.within(writer.write(bytes)).await?;
    }
    to.within(writer.finish()).await
}

async fn move_object(call: &mut Call<'_>, src: &ObjectId, dest: &ObjectId) -> Result<(), BlobError> {
    let (from, to) = open_both(call, src, dest, LabelAccess::Both).await?;
    if src.container == dest.container {
        let exists = match src.object == dest.object {
            true => Some(from.within(from.container().info(&src.object)).await?.is_some()),
            false => from.within(from.container().rename(&src.object, &dest.object)).await?,
        };
        if let Some(exists) = exists {
            return if exists { Ok(()) } else { Err(BlobError::NoSuchObject) };
        }
    }
    copy((&from, src), (&to, dest)).await?;
    from.within(from.container().delete(std::slice::from_ref(&src.object))).await
}

impl container::Host for Call<'_> {}

impl container::HostContainer for Call<'_> {
    async fn name(&mut self, container: Resource<OpenContainer>) -> Answer<String> {
        Ok(Ok(self.table().get(&container)?.0.name().to_owned()))
    }

    async fn info(&mut self, container: Resource<OpenContainer>) -> Answer<ContainerMetadata> {
        let name = self.table().get(&container)?.0.name().to_owned();
        let info = |container: Arc<dyn Container>| async move {
            let created_at = container.created().await?.ok_or(BlobError::NoSuchContainer)?;
            Ok(ContainerMetadata { name, created_at })
        };
        calls::run(self, "info", &container, LabelAccess::Read, info).await
    }

    async fn get_data(
        &mut self,
        container: Resource<OpenContainer>,
        name: String,
        start: u64,
        end: u64,
    ) -> Answer<Resource<IncomingValue>> {
        let opened = self.table().get(&container)?.clone();
        let place = self.data()?.place();
        let get = |container: Arc<dyn Container>| async move {
            check_name(&name)?;
            if start > end {
                return Err(invalid(format!("the range from {start} to {end} is empty")));
            }
            let place = place?;
            let object = container.read(&name, start..=end).await?.ok_or(BlobError::NoSuchObject)?;
            Ok(IncomingValue { object, container: opened, place })
        };
        let value = calls::run(self, "get-data", &container, LabelAccess::Read, get).await?;
        push(self, value)
    }

    async fn write_data(
        &mut self,
        container: Resource<OpenContainer>,
        name: String,
        data: Resource<OutgoingValue>,
    ) -> Answer<()> {
        let opened = self.table().get(&container)?.clone();
        let body = self.table().get(&data)?.body.clone();
        let write = |container: Arc<dyn Container>| async move {
            check_name(&name)?;
            if !body.is_unnamed() {
                return Err(invalid("`write-data` was called with this value before"));
            }
            body.set_writer(container.write(&name).await?, container.timeout());
            Ok(())
        };
        let done = calls::run(self, "write-data", &container, LabelAccess::Write, write).await?;
        if done.is_ok() {
            self.table().get_mut(&data)?.container = Some(opened);
        }
        Ok(done)
    }

    async fn list_objects(&mut self, container: Resource<OpenContainer>) -> Answer<Resource<ObjectNames>> {
        let opened = self.table().get(&container)?.clone();
        let place = self.data()?.place();
        let list = |container: Arc<dyn Container>| async move {
            let _place = place?;
            container.created().await?.ok_or(BlobError::NoSuchContainer)?;
            Ok(ObjectNames {
                container: opened,
                waiting: VecDeque::new(),
                after: None,
                is_last: false,
                _place,
            })
        };
        let names = calls::run(self, "list-objects", &container, LabelAccess::Read, list).await?;
        push(self, names)
    }

    async fn delete_object(&mut self, container: Resource<OpenContainer>, name: String) -> Answer<()> {
        let delete = |container: Arc<dyn Container>| async move {
            check_name(&name)?;
            container.delete(&[name]).await
        };
        calls::run(self, "delete-object", &container, LabelAccess::Write, delete).await
    }

    async fn delete_objects(&mut self, container: Resource<OpenContainer>, names: Vec<String>) -> Answer<()> {
        let delete = |container: Arc<dyn Container>| async move {
            check_names(&names)?;
            container.delete(&names).await
        };
        calls::run(self, "delete-objects", &container, LabelAccess::Write, delete).await
    }

    async fn has_object(&mut self, container: Resource<OpenContainer>, name: String) -> Answer<bool> {
        let has = |container: Arc<dyn Container>| async move {
            check_name(&name)?;
            Ok(container.info(&name).await?.is_some())
        };
        calls::run(self, "has-object", &container, LabelAccess::Read, has).await
    }

    async fn object_info(
        &mut self,
        container: Resource<OpenContainer>,
        name: String,
    ) -> Answer<ObjectMetadata> {
        let of = self.table().get(&container)?.0.name().to_owned();
        let info = |container: Arc<dyn Container>| async move {
            check_name(&name)?;
            let info = container.info(&name).await?.ok_or(BlobError::NoSuchObject)?;
            Ok(ObjectMetadata { name, container: of, created_at: info.created, size: info.size })
        };
        calls::run(self, "object-info", &container, LabelAccess::Read, info).await
    }

    async fn clear(&mut self, container: Resource<OpenContainer>) -> Answer<()> {
        let clear = |container: Arc<dyn Container>| async move { container.clear().await };
        calls::run(self, "clear", &container, LabelAccess::Write, clear).await
    }

    async fn drop(&mut self, container: Resource<OpenContainer>) -> wasmtime::Result<()> {
        self.table().delete(container)?;
        Ok(())
    }
}

/// Takes names from a list, with the right to read.
async fn take_names(
    call: &mut Call<'_>,
    function: &'static str,
    list: &Resource<ObjectNames>,
    most: u64,
) -> Answer<(Vec<String>, bool)> {
    let began = Instant::now();
    let container = call.table().get(list)?.container.clone();
    let done = match admit(call, &container, LabelAccess::Read) {
        Ok(()) => call.table().get_mut(list)?.take(most).await,
        Err(error) => Err(error),
    };
    Ok(counted(call, function, began, done))
}

impl container::HostStreamObjectNames for Call<'_> {
    async fn read_stream_object_names(
        &mut self,
        list: Resource<ObjectNames>,
        len: u64,
    ) -> Answer<(Vec<String>, bool)> {
        take_names(self, "read-stream-object-names", &list, len).await
    }

    async fn skip_stream_object_names(
        &mut self,
        list: Resource<ObjectNames>,
        num: u64,
    ) -> Answer<(u64, bool)> {
        let taken = take_names(self, "skip-stream-object-names", &list, num).await?;
        Ok(taken.map(|(names, is_last)| (names.len() as u64, is_last)))
    }

    async fn drop(&mut self, list: Resource<ObjectNames>) -> wasmtime::Result<()> {
        self.table().delete(list)?;
        Ok(())
    }
}

impl types::Host for Call<'_> {}

impl types::HostOutgoingValue for Call<'_> {
    async fn new_outgoing_value(&mut self) -> wasmtime::Result<Resource<OutgoingValue>> {
        // The interface has no error here.
        let data = self.data()?;
        let place = data.place().map_err(|error| wasmtime::Error::msg(error.to_string()))?;
        let body = Body::new(&data.unnamed_bytes);
        let value = OutgoingValue { body, is_taken: false, container: None, _place: place };
        Ok(self.table().push(value)?)
    }

    async fn outgoing_value_write_body(
        &mut self,
        value: Resource<OutgoingValue>,
    ) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        let outgoing = self.table().get_mut(&value)?;
        if std::mem::replace(&mut outgoing.is_taken, true) {
            return Ok(Err(()));
        }
        let stream: DynOutputStream = Box::new(WriteStream(outgoing.body.clone()));
        Ok(Ok(self.table().push_child(stream, &value)?))
    }

    async fn finish(&mut self, value: Resource<OutgoingValue>) -> Answer<()> {
        let began = Instant::now();
        let value = self.table().delete(value)?;
        let allowed = match &value.container {
            Some(container) => admit(self, container, LabelAccess::Write),
            None => calls::rate(self),
        };
        let done = match allowed {
            Ok(()) => value.body.finish().await,
            Err(error) => Err(error),
        };
        Ok(counted(self, "finish", began, done))
    }

    async fn drop(&mut self, value: Resource<OutgoingValue>) -> wasmtime::Result<()> {
        self.table().delete(value)?;
        Ok(())
    }
}

impl types::HostIncomingValue for Call<'_> {
    async fn incoming_value_consume_sync(&mut self, value: Resource<IncomingValue>) -> Answer<Vec<u8>> {
        let began = Instant::now();
        let value = self.table().delete(value)?;
        let done = match admit(self, &value.container, LabelAccess::Read) {
            Ok(()) => value.read_all().await,
            Err(error) => Err(error),
        };
        Ok(counted(self, "incoming-value-consume-sync", began, done))
    }

    async fn incoming_value_consume_async(
        &mut self,
        value: Resource<IncomingValue>,
    ) -> Answer<Resource<DynInputStream>> {
        let began = Instant::now();
        let IncomingValue { object, container, place } = self.table().delete(value)?;
        let stream = admit(self, &container, LabelAccess::Read).map(|()| {
            let stream = ReadStream::new(object.reader, container.container().timeout(), place);
            Box::new(stream) as DynInputStream
        });
        let stream = counted(self, "incoming-value-consume-async", began, stream);
        push(self, stream)
    }

    async fn size(&mut self, value: Resource<IncomingValue>) -> wasmtime::Result<u64> {
        Ok(self.table().get(&value)?.object.size)
    }

    async fn drop(&mut self, value: Resource<IncomingValue>) -> wasmtime::Result<()> {
        self.table().delete(value)?;
        Ok(())
    }
}

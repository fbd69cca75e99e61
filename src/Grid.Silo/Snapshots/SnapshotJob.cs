using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Silo.Telemetry;
using Microsoft.Win32.SafeHandles;
using Orleans.Streams;

namespace Grid.Silo.Snapshots;

/// <summary>
/// One snapshot of a shard's primary from its beginning to its end: sent straight to its cohort, or written to a file and sent
/// from there to whoever is to have it.
/// </summary>
/// <remarks>Runs off the grain; only the scan's slices and the reports to the state machine happen on its turns.</remarks>
internal sealed class SnapshotJob(SnapshotPlan plan, SnapshotJobSetting setting) : IDisposable
{
    private readonly CancellationTokenSource _cancel = new();
    private readonly Lock _lock = new();
    private readonly List<SyncMember> _members = [];
    private string? _file;

    public SnapshotPlan Plan { get; } = plan;

    /// <summary>Runs a diskless snapshot until it is sent, nobody is left to take it, or it is cancelled.</summary>
    public async Task<SnapshotOutcome> SendAsync()
    {
        CancellationToken cancellation = _cancel.Token;
        SyncMember[] members = [.. Plan.Members.Select(NewMember)];
        CohortSender cohort = NewSender(members, new SnapshotItems(Plan.SnapshotId, setting.Epoch));
        await cohort.SendEachAsync(member => AnnouncementFor(member.Identity, Plan.Announcement), cancellation);
        using SnapshotProducer producer = new(Plan, setting.Shard, setting.ChunkBytes, setting.OnTurn);
        await using IAsyncEnumerator<PooledBuffer> chunks = producer.ProduceAsync(cancellation).GetAsyncEnumerator(cancellation);
        while (await cohort.WhileMakingAsync(chunks.MoveNextAsync()))
        {
            if (cohort.Count > 0)
                await cohort.SendAsync(chunks.Current, cancellation);
            else
                chunks.Current.Release();
            if (cohort.Count == 0)
                await _cancel.CancelAsync();
        }

        await cohort.EndAsync(producer.Entries, cancellation);
        return Report(producer, members.Count(member => !member.HasLeft));
    }

    /// <summary>Writes a snapshot to its file.</summary>
    public async Task<SnapshotOutcome> SaveAsync()
    {
        CancellationToken cancellation = _cancel.Token;
        _file = setting.Files.PathOf(setting.Shard, Plan.SnapshotId, Plan.Announcement.Compressed);
        using SafeFileHandle file = File.OpenHandle(_file, FileMode.Create, FileAccess.Write, FileShare.Read, FileOptions.Asynchronous);
        using SnapshotProducer producer = new(Plan, setting.Shard, setting.ChunkBytes, setting.OnTurn);
        long written = 0;
        await foreach (PooledBuffer chunk in producer.ProduceAsync(cancellation))
        {
            ReadOnlyMemory<byte> bytes = chunk.Memory[LinkItem.HeadLength..];
            await RandomAccess.WriteAsync(file, bytes, written, cancellation);
            written += bytes.Length;
            chunk.Release();
        }

        return Report(producer, 0);
    }

    /// <summary>Sends the file to one member, at its own speed.</summary>
    /// <returns>False when the member was left behind, or has left.</returns>
    public async Task<bool> SendSavedAsync(SavedSnapshot saved, SnapshotMember identity)
    {
        CancellationToken cancellation = _cancel.Token;
        SyncMember member = NewMember(identity);
        SnapshotItems items = new(Plan.SnapshotId, setting.Epoch, identity.Attach);
        CohortSender cohort = NewSender([member], items);
        await cohort.SendEachAsync(one => AnnouncementFor(one.Identity, saved.Announcement), cancellation);
        using SafeFileHandle file = File.OpenHandle(_file!, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.Asynchronous | FileOptions.SequentialScan);
        while (cohort.Count > 0 && items.Bytes < saved.Announcement.Length)
            await cohort.SendAsync(await ReadChunkAsync(file, items.Bytes, saved.Announcement.Length, cancellation), cancellation);
        if (cohort.Count > 0)
            await cohort.EndAsync(saved.Entries, cancellation);
        return cohort.Count > 0;
    }

    /// <summary>A member's link has ended: it gets nothing more. From any thread.</summary>
    public void Leave(string silo)
    {
        lock (_lock)
        {
            foreach (SyncMember member in _members.Where(member => member.Identity.Silo == silo))
                member.Leave();
        }
    }

    /// <summary>Ends everything that is under way. From any thread.</summary>
    public void Cancel() => _cancel.Cancel();

    /// <summary>Removes the file, if there is one; who still reads it reads on.</summary>
    public void DeleteFile()
    {
        if (_file is not null)
            setting.Files.Delete(_file);
    }

    /// <summary>To be called when nothing is to be begun any more; what is under way goes on.</summary>
    public void Dispose() => _cancel.Dispose();

    /// <summary>Frees the scan; on a turn, like everything that touches the store.</summary>
    public bool EndScan()
    {
        Plan.Scan.Dispose();
        return true;
    }

    private SnapshotOutcome Report(SnapshotProducer producer, int served)
    {
        SnapshotOutcome outcome = new(producer.Entries, producer.RawBytes, producer.WireBytes, served);
        setting.Instruments.OnSent(outcome);
        return outcome;
    }

    private CohortSender NewSender(IReadOnlyList<SyncMember> members, SnapshotItems items) =>
        new(members, items, setting.Pace, setting.StallTime, LeftBehindAsync, TimeProvider.System);

    private SyncMember NewMember(SnapshotMember identity)
    {
        IAsyncStream<PooledBuffer> stream = setting.StreamOf(identity);
        SyncMember member = new(
            identity,
            item =>
            {
                setting.Instruments.OnItem(item.Length);
                return stream.OnNextAsync(item);
            },
            bytes => setting.WhenHeldAtMost(identity, bytes));
        lock (_lock)
            _members.Add(member);
        return member;
    }

    /// <summary>On the command stream the announcement is already; a snapshot stream begins with one as well.</summary>
    private PooledBuffer? AnnouncementFor(SnapshotMember member, SyncAnnouncement announcement) =>
        member.DualChannel ? announcement.ToItem(member.Attach, 0, setting.Epoch, committed: 0) : null;

    private Task<bool> LeftBehindAsync(SyncMember member, string problem) =>
        setting.OnTurn(() => setting.MemberFailed(member.Identity, problem));

    private async ValueTask<PooledBuffer> ReadChunkAsync(SafeFileHandle file, long offset, long length, CancellationToken cancellation)
    {
        int wanted = (int)Math.Min(setting.ChunkBytes, length - offset);
        PooledBuffer chunk = PooledBuffer.Rent(LinkItem.HeadLength + wanted);
        chunk.Advance(LinkItem.HeadLength);
        int filled = 0;
        while (filled < wanted)
        {
            int read = await RandomAccess.ReadAsync(file, chunk.GetMemory(wanted - filled)[..(wanted - filled)], offset + filled, cancellation);
            if (read == 0)
                throw new EndOfStreamException($"{_file} ends at byte {offset + filled} of {length}.");
            chunk.Advance(read);
            filled += read;
        }

        return chunk;
    }
}

/// <summary>What a snapshot's job needs of its surroundings.</summary>
internal sealed record SnapshotJobSetting
{
    public required int Shard { get; init; }

    public required long Epoch { get; init; }

    public required int ChunkBytes { get; init; }

    /// <summary>A member that takes nothing for this long is left behind.</summary>
    public required TimeSpan StallTime { get; init; }

    public required SyncPace Pace { get; init; }

    public required SnapshotFiles Files { get; init; }

    public required SyncInstruments Instruments { get; init; }

    /// <summary>The stream on which a member gets the snapshot.</summary>
    public required Func<SnapshotMember, IAsyncStream<PooledBuffer>> StreamOf { get; init; }

    /// <summary>Ends when that stream holds at most so many bytes that the member has not acknowledged.</summary>
    public required Func<SnapshotMember, long, Task> WhenHeldAtMost { get; init; }

    public required OnTurn OnTurn { get; init; }

    /// <summary>Says, on the turn, that a member was left behind.</summary>
    public required Func<SnapshotMember, string, bool> MemberFailed { get; init; }
}

/// <summary>What a snapshot came to.</summary>
/// <param name="Entries">Entries.</param>
/// <param name="RawBytes">Bytes uncompressed.</param>
/// <param name="WireBytes">Bytes as they travel, once for each member.</param>
/// <param name="MembersServed">Members that got all of it.</param>
internal readonly record struct SnapshotOutcome(long Entries, long RawBytes, long WireBytes, int MembersServed);

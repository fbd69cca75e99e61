using Grid.Formats.Mutations;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Grid.Replication.Sessions;
using Grid.Replication.Time;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <content>The one snapshot under way: straight to its cohort, or to a file that late-comers may join.</content>
public sealed partial class ShardPrimary
{
    private OutgoingSnapshot? _snapshot;

    /// <summary>A member has been sent the whole snapshot.</summary>
    public void OnSnapshotSent(string silo, long attach, Instant now)
    {
        if (!Reigns() || !_links.TryFind(silo, out PrimaryLink? link) || link.Attach != attach)
            return;
        link.HeardAtMs = now.MonotonicMs;
        ReleaseHeldBack(link, now);
    }

    /// <summary>
    /// A member was not sent the whole snapshot, as far as its sender knows: its link is over, and it will attach again, unless it has loaded the snapshot and is online.
    /// </summary>
    public void OnMemberFailed(string silo, long attach, string reason, Instant now)
    {
        if (Reigns() && _links.TryFind(silo, out PrimaryLink? link) && link.Attach == attach && (link.Phase == LinkPhase.Syncing || Plants(PlantedBug.EndsLoadedLinks)))
            EndLink(link, LinkEndReason.StreamFailed, reason, now);
    }

    /// <summary>The snapshot's file is whole; its scan is disposed.</summary>
    /// <param name="snapshotId">The snapshot.</param>
    /// <param name="bytes">Length of the file.</param>
    /// <param name="entries">Entries in it.</param>
    /// <param name="now">The present.</param>
    public void OnSnapshotSaved(long snapshotId, long bytes, long entries, Instant now)
    {
        if (!Reigns() || _snapshot is not { } snapshot || snapshot.Id != snapshotId)
            return;
        if (snapshot.Scan is null)
        {
            // Nobody wanted it any more while its last bytes were written.
            DropSnapshot();
            CloseWindowWhenDue(now);
            ReleasePlaceWhenIdle();
            return;
        }

        snapshot.Scan = null;
        snapshot.Saved = new SavedSnapshot(snapshot.Plan.Announcement with { Length = bytes }, entries);
        snapshot.SavedAtMs = now.MonotonicMs;
        _output.Report(PrimaryEvent.SnapshotSaved, _copy.Name.Silo, $"{entries} entries, {bytes} bytes");
        foreach (PrimaryLink link in MembersOf(snapshot))
            SendSaved(link, snapshot, now);
        CloseWindowWhenDue(now);
    }

    /// <summary>
    /// A diskless snapshot is over, or one is that was to be written to a file and was not; its scan is disposed. One that failed ends the links of exactly those
    /// who still load it: who has loaded it needs nothing more of it.
    /// </summary>
    /// <param name="snapshotId">The snapshot.</param>
    /// <param name="failed">True unless it was sent to its end: it was cancelled, or could not be made.</param>
    /// <param name="now">The present.</param>
    public void OnSnapshotEnded(long snapshotId, bool failed, Instant now)
    {
        if (_snapshot is not { } snapshot || snapshot.Id != snapshotId)
            return;
        _snapshot = null;
        if (!Reigns())
            return;
        if (failed)
        {
            string details = snapshot.IsOnDisk ? "its snapshot could not be written" : "its snapshot was not sent to its end";
            foreach (PrimaryLink link in Plants(PlantedBug.EndsLoadedLinks) ? EverMembersOf(snapshotId) : MembersOf(snapshotId))
                EndLink(link, LinkEndReason.SnapshotLost, details, now);
        }

        CloseWindowWhenDue(now);
        ReleasePlaceWhenIdle();
    }

    /// <summary>The snapshot's file could not be read. Whose link depended on it is told of by <see cref="OnMemberFailed"/>.</summary>
    public void OnSnapshotUnreadable(long snapshotId, string reason)
    {
        if (Reigns())
            Suspect(snapshotId, _copy.Name.Silo, reason);
    }

    /// <summary>A file that was damaged where it lies would be so for everybody who comes: it is given to nobody any more.</summary>
    private void Suspect(long snapshotId, string silo, string reason)
    {
        if (_snapshot is not { Saved: not null, IsSuspect: false } snapshot || snapshot.Id != snapshotId || Plants(PlantedBug.TrustsSavedSnapshot))
            return;
        snapshot.IsSuspect = true;
        _output.Report(PrimaryEvent.SnapshotSuspect, silo, reason);
    }

    private void BeginSnapshot(List<PrimaryLink> cohort, string[] leftForNext, Instant now)
    {
        DropSnapshot();
        (CodecReason reason, string why) = DecideCodec(cohort);
        LogPosition at = _copy.Position;
        ShardSnapshot scan = _copy.Store.BeginSnapshot(EntryVersion.Pack(at.Epoch, at.Offset));
        SyncAnnouncement announcement = new(_entropy.NextId(), at.Offset, reason == CodecReason.EveryMemberDecodes, _record.Lineage, Plants(PlantedBug.ForgetsHistory) ? [] : [.. _copy.History.Starts]);
        FrozenSessions sessions = Plants(PlantedBug.SnapshotsWithoutSessions) ? new SessionTable().Freeze() : _copy.Sessions.Freeze();
        SnapshotMember[] members = [.. cohort.Select(MemberOf)];
        _snapshot = new OutgoingSnapshot(new SnapshotPlan(announcement, at.Epoch, sessions, scan, members, _options.Transport, _options.Checksums, reason));
        foreach (PrimaryLink link in cohort)
            BeginSync(link, _snapshot, now);
        string next = leftForNext.Length == 0 ? "" : $"; {string.Join(", ", leftForNext)} next";
        string[] silos = [.. members.Select(static member => member.Silo)];
        LastWindow = new WindowDecision(reason, silos, CannotDecode(cohort), leftForNext, $"{why}; base {at}, {(_snapshot.IsOnDisk ? "on disk" : "diskless")}{next}");
        _output.Report(PrimaryEvent.WindowClosed, string.Join(", ", silos), LastWindow.Text);
        if (!_snapshot.IsOnDisk)
        {
            foreach (PrimaryLink link in cohort)
                Announce(link, announcement, now);
        }

        _output.BeginSnapshot(_snapshot.Plan);
    }

    /// <summary>From here on the log behind the snapshot's base is kept for the link.</summary>
    private void BeginSync(PrimaryLink link, OutgoingSnapshot snapshot, Instant now)
    {
        link.Phase = LinkPhase.Syncing;
        link.Copy = new CopyName(link.Silo, link.Request.NextCopyId);
        link.SnapshotId = snapshot.Id;
        link.NextOffset = snapshot.BaseOffset + 1;
        link.HeardAtMs = now.MonotonicMs;
        link.DualChannel = MemberOf(link).DualChannel;
        link.HoldsBack = snapshot.IsOnDisk || !link.DualChannel;
        Agree(link);
    }

    private SnapshotMember MemberOf(PrimaryLink link) =>
        new(link.Silo, link.Attach, _options.DualChannel && link.Request.Capabilities.HasFlag(ReplicaCapabilities.DualChannel));

    /// <summary>The command stream learns of the snapshot before anything else of it is sent.</summary>
    private void Announce(PrimaryLink link, SyncAnnouncement announcement, Instant now) =>
        Send(link, (announcement with { CommandTraits = TraitsOf(link) }).ToItem(link.Attach, link.Sequence++, _epoch, _committed), now);

    private void SendSaved(PrimaryLink link, OutgoingSnapshot snapshot, Instant now)
    {
        SavedSnapshot saved = snapshot.Saved!;
        Announce(link, saved.Announcement, now);
        link.HeardAtMs = now.MonotonicMs;
        _output.SendSnapshot(
            saved with { Announcement = saved.Announcement with { CommandTraits = TraitsOf(link) } },
            new SnapshotMember(link.Silo, link.Attach, link.DualChannel));
        if (link.DualChannel)
            ReleaseHeldBack(link, now);
    }

    /// <summary>The mutations behind the base may flow now.</summary>
    private void ReleaseHeldBack(PrimaryLink link, Instant now)
    {
        if (!link.HoldsBack)
            return;
        link.HoldsBack = false;
        SendMutations(link, now);
    }

    /// <summary>
    /// A snapshot on disk that is being written, or still there, serves a replica as well that comes late, if it can read
    /// it and the log still has what follows.
    /// </summary>
    private bool CanJoin(PrimaryLink link) =>
        _snapshot is { IsOnDisk: true } snapshot
        && (snapshot.Scan is not null || snapshot.Saved is not null)
        && !snapshot.IsSuspect
        && (snapshot.IsReadableBy(link.Request.Capabilities) || Plants(PlantedBug.JoinsUnreadableSnapshot))
        && _copy.Log.FirstOffset <= snapshot.BaseOffset + 1;

    private void Join(PrimaryLink link, Instant now)
    {
        OutgoingSnapshot snapshot = _snapshot!;
        BeginSync(link, snapshot, now);
        _output.Report(PrimaryEvent.SnapshotJoined, link.Silo, $"snapshot at {snapshot.BaseOffset}, {(snapshot.Saved is null ? "being written" : "written")}");
        if (snapshot.Saved is not null)
            SendSaved(link, snapshot, now);
    }

    /// <summary>A link in mid-sync has ended.</summary>
    private void OnMemberLeft(PrimaryLink link)
    {
        if (_snapshot is not { Saved: null } snapshot || snapshot.Id != link.SnapshotId)
            return;
        if (MembersOf(snapshot).Length > 0 && !Plants(PlantedBug.EndsSnapshotForAll))
            return;
        snapshot.Scan = null;
        _output.CancelSnapshot(snapshot.Id);
    }

    /// <summary>True while the snapshot has work to do: the next one waits.</summary>
    private bool IsSnapshotBusy() => _snapshot is { } snapshot && (snapshot.Saved is null || MembersOf(snapshot).Length > 0);

    private PrimaryLink[] MembersOf(OutgoingSnapshot snapshot) => MembersOf(snapshot.Id);

    private PrimaryLink[] MembersOf(long snapshotId) =>
        [.. _links.Where(link => link.Phase == LinkPhase.Syncing && link.SnapshotId == snapshotId)];

    private PrimaryLink[] EverMembersOf(long snapshotId) => [.. _links.Where(link => link.SnapshotId == snapshotId)];

    /// <summary>A file that has waited for late-comers long enough, or that nobody could go on from any more, is removed.</summary>
    private void DropSnapshotWhenOld(Instant now)
    {
        if (_snapshot is not { Saved: not null } snapshot || IsSnapshotBusy())
            return;
        ReleasePlaceWhenIdle();
        bool useless = snapshot.IsSuspect || _copy.Log.FirstOffset > snapshot.BaseOffset + 1;
        if (useless || now.MonotonicMs - snapshot.SavedAtMs >= _options.SavedSnapshotMs)
            DropSnapshot();
    }

    private void DropSnapshot()
    {
        if (_snapshot is null)
            return;
        _output.CancelSnapshot(_snapshot.Id);
        _snapshot = null;
    }

    /// <summary>The replicas are not left waiting for a snapshot that will never end: they attach again, after their backoff.</summary>
    private void GiveUpSnapshotThatKeepsTooMuch(Instant now)
    {
        if (_snapshot is not { Scan: { } scan } snapshot || scan.KeptBytes <= _options.SnapshotKeptBytesMax || Plants(PlantedBug.NeverGivesUpSnapshot))
            return;
        _output.Report(PrimaryEvent.SnapshotGivenUp, _copy.Name.Silo, $"it keeps {scan.KeptBytes} bytes of entries written meanwhile, more than {_options.SnapshotKeptBytesMax}");
        snapshot.Scan = null;
        foreach (PrimaryLink link in MembersOf(snapshot))
            EndLink(link, LinkEndReason.SnapshotLost, "its snapshot was given up", now);
    }
}

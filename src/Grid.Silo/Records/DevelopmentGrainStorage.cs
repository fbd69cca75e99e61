using System.Globalization;
using System.Net;
using Grid.Silo.Services;
using Orleans.Serialization;
using Orleans.Storage;

namespace Grid.Silo.Records;

/// <summary>
/// Grain storage for development: values live in the memory of the cluster's first silo, which also keeps Orleans'
/// development membership. Other silos may die; the loss of the first one is the loss of the cluster.
/// </summary>
internal sealed class DevelopmentGrainStorage(
    IPEndPoint firstSilo, IClusterMembershipService membership, IGridSiloServiceClient silos, Serializer serializer) : IGrainStorage
{
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        DevelopmentValue found = await FirstSilo().ReadDevelopmentAsync(KeyOf(stateName, grainId));
        grainState.RecordExists = found.Value is not null;
        grainState.ETag = found.Tag == 0 ? null : found.Tag.ToString(CultureInfo.InvariantCulture);
        if (found.Value is not null)
            grainState.State = serializer.Deserialize<T>(found.Value);
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string key = KeyOf(stateName, grainId);
        long tag = await FirstSilo().WriteDevelopmentAsync(key, serializer.SerializeToArray(grainState.State), TagOf(grainState.ETag));
        if (tag == 0)
            throw new InconsistentStateException($"{key} has been changed by another writer.", "unknown", grainState.ETag);
        grainState.ETag = tag.ToString(CultureInfo.InvariantCulture);
        grainState.RecordExists = true;
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string key = KeyOf(stateName, grainId);
        long tag = await FirstSilo().WriteDevelopmentAsync(key, null, TagOf(grainState.ETag));
        if (tag == 0)
            throw new InconsistentStateException($"{key} has been changed by another writer.", "unknown", grainState.ETag);
        grainState.ETag = tag.ToString(CultureInfo.InvariantCulture);
        grainState.RecordExists = false;
    }

    private static string KeyOf(string stateName, GrainId grainId) => $"{stateName}/{grainId}";

    private static long TagOf(string? etag) => etag is null ? 0 : long.Parse(etag, CultureInfo.InvariantCulture);

    private IGridSiloService FirstSilo()
    {
        ClusterMember? first = membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status is SiloStatus.Active or SiloStatus.Joining or SiloStatus.ShuttingDown or SiloStatus.Stopping)
            .Where(member => member.SiloAddress.Endpoint.Equals(firstSilo))
            .OrderByDescending(member => member.SiloAddress.Generation)
            .FirstOrDefault();
        return silos.At(first?.SiloAddress ?? throw new OrleansException($"The cluster's first silo, {firstSilo}, which keeps the development storage, is not there."));
    }
}

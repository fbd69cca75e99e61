using Microsoft.Extensions.Options;

namespace Grid.Silo.Hosting;

/// <summary>Checks <see cref="GridOptions"/> when the silo starts, and names every setting that is wrong.</summary>
internal sealed class GridOptionsValidator : IValidateOptions<GridOptions>
{
    public ValidateOptionsResult Validate(string? name, GridOptions options)
    {
        List<string> faults = SettingRules.Check(GridConstants.ConfigurationSection, options);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
